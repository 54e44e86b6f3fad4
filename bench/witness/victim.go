package witness

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
)

// Service is what one delivery of a request says: which node served which key, when.
type Service struct {
	Key id.ID
	By  id.ID
	At  time.Time // by the clock of the machine, which all processes share
}

// Server is the application of the rows about deaths: it answers a request, and tells
// of each one.
type Server struct {
	self id.ID
	Tell func(Service)
}

// Start implements kbr.App.
func (s *Server) Start(ep kbr.Endpoint) { s.self = ep.Self().ID }

// Deliver implements kbr.App.
func (s *Server) Deliver(d *kbr.Delivery) {
	if len(d.Payload) != row.Payload {
		return // it only made a link
	}
	s.Tell(Service{d.Key, s.self, time.Now()})
	d.Reply(nil)
}

// Update implements kbr.App.
func (*Server) Update(*peer.Handle, bool) {}

// Stop implements kbr.App.
func (*Server) Stop() {}

// order is what a victim is told on its standard input.
type order struct {
	Home       string         `json:"home"`
	Invitation string         `json:"invitation"`
	Transport  ring.Transport `json:"transport"`
}

// BeVictim is the program as a node that will be killed. It says its id when it is in
// the ring, and then tells of each delivery, a line each; it ends with its input.
func BeVictim(ctx context.Context) error {
	var o order
	in := bufio.NewReader(os.Stdin)
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("the order of a victim: %w", err)
	}
	app := &Server{Tell: func(s Service) {
		fmt.Printf("%s %d\n", s.Key, s.At.UnixNano())
	}}
	n, err := ring.Open(ctx, o.Home, o.Invitation, ring.Options{Transport: o.Transport, App: func() kbr.App { return app }})
	if err != nil {
		return err
	}
	self := n.Self().ID.Bytes()
	if _, err := fmt.Printf("ready %x\n", self[:]); err != nil {
		return err
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		io.Copy(io.Discard, in) // its end is what matters
	}()
	select {
	case <-over:
	case <-ctx.Done():
	}
	return n.Stop(context.WithoutCancel(ctx))
}

// Victim is a node in a process of its own.
type Victim struct {
	ID  id.ID
	Cmd *exec.Cmd
	in  io.Closer
	end sync.Once
	log sync.WaitGroup // reads what it says
}

// NewVictim starts one, and returns when it is in the ring. Its deliveries go to tell.
func NewVictim(ctx context.Context, r *ring.Ring, over ring.Transport, tell func(Service)) (*Victim, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	home, err := r.Home()
	if err != nil {
		return nil, err
	}
	v := &Victim{Cmd: exec.CommandContext(ctx, self, "-victim")}
	v.Cmd.Stderr = os.Stderr
	in, err := v.Cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := v.Cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := v.Cmd.Start(); err != nil {
		return nil, err
	}
	v.in = in
	lines := bufio.NewScanner(out)
	err = json.NewEncoder(in).Encode(order{Home: home, Invitation: r.Invitation(), Transport: over})
	if err == nil {
		v.ID, err = firstWord(lines)
	}
	if err != nil {
		v.Kill()
		return nil, err
	}
	v.log.Go(func() {
		for lines.Scan() {
			if s, err := parseService(lines.Text(), v.ID); err == nil { // the last line of one who is killed may be cut
				tell(s)
			}
		}
	})
	return v, nil
}

// firstWord reads a victim's id.
func firstWord(lines *bufio.Scanner) (x id.ID, err error) {
	if !lines.Scan() {
		return x, errors.New("a node in a process of its own did not come up")
	}
	var b []byte
	if _, err := fmt.Sscanf(lines.Text(), "ready %x", &b); err != nil || len(b) != 16 {
		return x, fmt.Errorf("a node in a process of its own says %q", lines.Text())
	}
	return id.ID{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}, nil
}

// parseService reads what a victim tells of a delivery.
func parseService(line string, by id.ID) (s Service, err error) {
	var key, at string
	if _, err := fmt.Sscanf(line, "%s %s", &key, &at); err != nil {
		return s, err
	}
	n, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return s, err
	}
	s.By, s.At = by, time.Unix(0, n)
	s.Key, err = id.Parse(key)
	return s, err
}

// Kill ends its process at once, and waits until all that it said was read.
func (v *Victim) Kill() {
	v.end.Do(func() {
		v.Cmd.Process.Kill() // it may have ended already
		v.log.Wait()
		v.in.Close()
		v.Cmd.Wait() // the outcome of one that was killed says nothing
	})
}
