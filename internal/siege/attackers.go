package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/internal/daemons"
)

// attackWord makes the program the attackers' process.
const attackWord = "attack"

// members is how many attackers are members of the ring, where the flood wants them.
const members = 4

// orders is what the attackers are told.
type orders struct {
	Flood   string
	Dir     string   // for their files
	Invites []string // for members
	Victims []victim
}

// victim is what an attacker may know of a node.
type victim struct {
	Addr string // IP:PORT
	UI   string // IP:PORT of the page
	Home string // its control socket is there
	User string // who lives there
}

// struck is what the attackers did.
type struck struct {
	Done, Failed int           // strikes; one that the victim cut off has failed
	CPU          time.Duration // of their process
}

// attackers are the process that floods.
type attackers struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *json.Decoder
	began bool
	over  bool
}

// recruit starts the attackers and returns when they stand ready.
func recruit(ctx context.Context, ring *daemons.Ring, f *flood, dir string) (*attackers, error) {
	o := orders{Flood: f.name}
	var err error
	if o.Dir, err = os.MkdirTemp(dir, "attackers-"); err != nil {
		return nil, err
	}
	for i, d := range ring.Daemons {
		ui := d.Ready().UI
		o.Victims = append(o.Victims, victim{Addr: d.Addr(), UI: ui[len("http://"):], Home: d.Home, User: ring.Users[i]})
	}
	for range f.members {
		inv, err := ring.Invite(ctx)
		if err != nil {
			return nil, err
		}
		o.Invites = append(o.Invites, inv)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := &attackers{cmd: exec.Command(self, attackWord)}
	a.cmd.Stderr = os.Stderr
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startIdle(a.cmd); err != nil {
		return nil, err
	}
	a.out = json.NewDecoder(out)
	err = json.NewEncoder(a.in).Encode(o)
	var names []string
	if err == nil {
		err = a.out.Decode(&names)
	}
	for _, d := range ring.Daemons {
		for _, name := range names { // what friends send is delivered, and costs most
			if err == nil {
				_, err = d.API.ContactAdd(ctx, api.Who{Name: name})
			}
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the attackers do not come: %w", err), a.dismiss())
	}
	return a, nil
}

// strike lets the flood begin.
func (a *attackers) strike() error {
	a.began = true
	_, err := io.WriteString(a.in, "go\n")
	return err
}

// rest ends the flood, and returns when the attackers are gone.
func (a *attackers) rest() (s struck, err error) {
	a.over = true
	err = a.in.Close()
	if a.began {
		err = errors.Join(err, a.out.Decode(&s))
	}
	ended := make(chan error, 1)
	go func() { ended <- a.cmd.Wait() }()
	select {
	case end := <-ended:
		if state := a.cmd.ProcessState; state != nil {
			s.CPU = state.UserTime() + state.SystemTime()
		}
		return s, errors.Join(err, end)
	case <-time.After(30 * time.Second):
		return s, errors.Join(err, errors.New("the attackers do not end"), a.cmd.Process.Kill(), <-ended)
	}
}

// dismiss ends the attackers if they are there still.
func (a *attackers) dismiss() error {
	if a.over {
		return nil
	}
	_, err := a.rest()
	return err
}
