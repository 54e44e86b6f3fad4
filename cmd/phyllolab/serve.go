package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/viewer"
)

// serveFlags are the flags of `phyllolab serve`.
type serveFlags struct {
	lab.Tempest
	listen string
}

func newServe(w *world) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use: "serve", Short: "Show storms in the browser: the ring, its messages and faults, and what each node knows",
		Long: `serve shows a storm in the browser while it runs, or any moment of it: the ring and where
its nodes stand, messages along their hops, faults as they strike; it can be slowed down
and stepped through, and a click on a node shows its tables. The flags are those of
` + "`phyllolab storm`" + `, which prints them for a seed that fails. The page's address says which
storm and which moment it shows: who runs this command, too, sees the same under it.`,
		Example: "  phyllolab serve\n  phyllolab serve --seed 17 --nodes 20 --without clock,slow",
		Args:    none,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := viewer.Check(f.Tempest); err != nil {
				return usageError{err}
			}
			if at, err := netip.ParseAddrPort(f.listen); err != nil || !at.Addr().IsLoopback() {
				return wrong("--listen %q: take an address of this machine alone, as 127.0.0.1:7170", f.listen)
			}
			return w.serve(c.Context(), &f)
		},
	}
	c.Flags().Uint64Var(&f.Seed, "seed", 1, "`SEED` of the storm")
	c.Flags().IntVar(&f.Nodes, "nodes", 16, "number of `NODES` of the ring")
	c.Flags().DurationVar(&f.Rage, "rage", 2*time.Minute, "how long faults strike, in virtual `TIME`")
	c.Flags().StringSliceVar(&f.Calm, "without", nil, "`KINDS` of faults to leave out, as in storm")
	c.Flags().IntVar(&f.Leaf, "leaf", 8, "`SIZE` of the leaf sets, an even number; 0: 32")
	c.Flags().BoolVar(&f.ForGood, "for-good", false, "let an eighth of the nodes go when the faults end, and never come back")
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:7170", "`ADDRESS` on this machine")
	return c
}

// serve serves the page until the context ends.
func (w *world) serve(ctx context.Context, f *serveFlags) error {
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("%w: choose another port with --listen", err)
	}
	host := l.Addr().String()
	server := &http.Server{Handler: viewer.New(host, f.Tempest), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	fmt.Fprintf(w.out, "open %s\n", viewer.Address("http://"+host, f.Tempest))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err = <-ended:
		return err
	case <-ctx.Done():
	}
	if err := server.Close(); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
