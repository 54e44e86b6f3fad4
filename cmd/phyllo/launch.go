package main

import (
	"log/slog"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/node/config"
)

// launch makes a real node.
func launch(c config.Config, log *slog.Logger, serve func(api.Node) api.Node) (console.Runner, error) {
	opts := []node.Option{node.WithLog(log)}
	if serve != nil {
		opts = append(opts, node.WithAPI(serve))
	}
	n, err := node.New(c, opts...)
	if err != nil {
		return nil, err // a nil *node.Node is no nil runner
	}
	return n, nil
}
