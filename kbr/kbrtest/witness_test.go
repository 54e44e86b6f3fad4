package kbrtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
)

// The fake overlay keeps what it stands for promises of neighbours.
func TestNeighbours(t *testing.T) {
	w := kbrtest.New(kbrtest.Config{Seed: 1})
	defer w.Close()
	var ns []*kbrtest.Node
	var told []*kbrtest.Witness
	for i := range 60 {
		told = append(told, new(kbrtest.Witness))
		ns = append(ns, w.Add(kbrtest.Handle(id.Tiny(uint8(4*i))), kbr.Mount{Number: number, App: told[i]}))
	}
	w.Run(time.Second)
	for i := 3; i < len(ns); i += 7 {
		ns[i].Kill()
		w.Run(time.Second)
	}
	w.Run(time.Minute)
	for i, n := range ns {
		if i%7 != 3 {
			n.Do(func() {
				for _, err := range told[i].Errors() {
					t.Error(err)
				}
			})
		}
	}
}

// A witness sees what is wrong.
func TestWitness(t *testing.T) {
	w := kbrtest.New(kbrtest.Config{Seed: 1})
	defer w.Close()
	told := new(kbrtest.Witness)
	n := w.Add(kbrtest.Handle(id.Tiny(1)), kbr.Mount{Number: number, App: told})
	o := w.Add(kbrtest.Handle(id.Tiny(2)), kbr.Mount{Number: number, App: new(kbrtest.Witness)})
	w.Run(time.Second)
	n.Do(func() {
		told.Update(o.Self(), true)
		told.Update(o.Self(), false)
		told.Update(kbrtest.Handle(id.Tiny(3)), true)
		var all []string
		for _, err := range told.Errors() {
			all = append(all, err.Error())
		}
		for _, want := range []string{"told again that", "is a neighbour: false; it is: true", "is a neighbour: true; it is: false"} {
			if !strings.Contains(strings.Join(all, "\n"), want) {
				t.Errorf("%q is not among %q", want, all)
			}
		}
	})
}
