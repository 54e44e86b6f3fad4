package daemons

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cause"
)

// Ring is a ring of daemons, each on an address of loopback of its own.
type Ring struct {
	Daemons []*Daemon
	// Users are the names that live on them, one each, in the same order.
	Users []string
}

// NewRing starts n nodes in one ring, with a user on each, and returns when every
// name can be read at every node. dir gets their homes.
func NewRing(ctx context.Context, program, dir string, n int) (*Ring, error) {
	r := &Ring{}
	for i := range n {
		d, err := New(program, dir, fmt.Sprintf("127.0.0.%d", 2+i))
		if err != nil {
			return r, err
		}
		r.Daemons = append(r.Daemons, d)
		r.Users = append(r.Users, fmt.Sprintf("user%02d", i))
		args := []string{"--user", r.Users[i]}
		if i > 0 {
			inv, err := r.Invite(ctx)
			if err != nil {
				return r, err
			}
			args = append(args, "--join", inv)
		}
		if err := d.Start(ctx, args...); err != nil {
			return r, err
		}
	}
	return r, r.AwaitNames(ctx, time.Minute)
}

// Invite returns an invitation of the first node, for one.
func (r *Ring) Invite(ctx context.Context) (string, error) {
	inv, err := r.Daemons[0].API.Invite(ctx, api.InviteRequest{})
	if err != nil {
		return "", err
	}
	return inv.Invite, nil
}

// AwaitNames waits until each node finds each user, and says which it does not.
func (r *Ring) AwaitNames(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, d := range r.Daemons {
		for _, name := range r.Users {
			for {
				_, err := d.API.UserFind(ctx, name)
				if err == nil {
					break
				}
				select {
				case <-ctx.Done():
					return fmt.Errorf("%s is not found at %s: %w", name, d.IP, err)
				case <-time.After(100 * time.Millisecond):
				}
			}
		}
	}
	return nil
}

// Close ends all processes, in order where they let us.
func (r *Ring) Close() error {
	errs := make(chan error)
	for _, d := range r.Daemons {
		go func() { errs <- d.Stop(10 * time.Second) }()
	}
	var all error
	for _, d := range r.Daemons {
		all = cause.Join(all, <-errs)
		d.API.Close()
	}
	return all
}
