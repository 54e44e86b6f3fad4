package main

import (
	"fmt"
	"net"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
)

// notifyVariable names the socket at which a service manager waits for words of its
// services.
const notifyVariable = "NOTIFY_SOCKET"

// notify tells the service manager that started this program how it is, in lines as
// sd_notify(3) lists them. Without one nothing happens.
func notify(w *console.World, state string) error {
	path := w.Getenv(notifyVariable)
	if path == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"}) // @ begins an abstract name
	if err == nil {
		_, err = c.Write([]byte(state))
		c.Close()
	}
	if err != nil {
		return fmt.Errorf("telling the service manager at $%s: %w: with Type=exec in the unit nobody needs to be told", notifyVariable, err)
	}
	return nil
}
