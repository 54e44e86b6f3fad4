package register_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/phyllo-net/phyllo/lab/register"
)

// What porcupine is told of a register.

type registerIn struct {
	read     bool
	replaces uint64
	content  string
}

type registerState struct {
	version uint64
	content string
}

type registerOut struct {
	known, made bool // of a change
	state       registerState
}

var registerModel = porcupine.Model{
	Init: func() any { return registerState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(registerState), input.(registerIn), output.(registerOut)
		next := registerState{in.replaces + 1, in.content}
		switch {
		case in.read:
			return s == out.state, s
		case !out.known: // it may have been made; it is also tried at the very end
			if s.version == in.replaces {
				return true, next
			}
			return true, s
		case out.made:
			return s.version == in.replaces, next
		}
		return s.version != in.replaces, s
	},
	Equal: func(a, b any) bool { return a == b },
}

// TestRegister compares the check of registers with porcupine, on random histories of which
// about half are right: some are made by a register, and a few of their outcomes changed.
func TestRegister(t *testing.T) {
	right, wrong := 0, 0
	for seed := range uint64(4000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		r, ops := history(rng)
		want, got := porcupine.CheckOperations(registerModel, ops), r.Check()
		if want != (got == nil) {
			t.Fatalf("seed %d: porcupine says %v, the register %v:\n%v", seed, want, got, ops)
		}
		if want {
			right++
		} else {
			wrong++
		}
	}
	if right < 500 || wrong < 500 {
		t.Errorf("%d histories are right, %d wrong", right, wrong)
	}
}

// history is what up to nine clients did to a register, and perhaps what they did not.
func history(rng *rand.Rand) (*register.Register, []porcupine.Operation) {
	r, s := new(register.Register), registerState{}
	var ops []porcupine.Operation
	point := time.Duration(10)
	for n := range 3 + rng.IntN(7) {
		point += time.Duration(1 + rng.IntN(4))
		call, done := point-time.Duration(rng.IntN(6)), point+time.Duration(rng.IntN(6))
		op := porcupine.Operation{ClientId: n, Call: int64(call), Return: int64(done)}
		if rng.IntN(2) == 0 {
			seen := s
			if rng.IntN(12) == 0 && seen.version > 0 {
				if seen.version--; seen.version == 0 {
					seen.content = ""
				}
			}
			r.Saw(r.Read(call), done, seen.version, seen.content)
			op.Input, op.Output = registerIn{read: true}, registerOut{state: seen}
			ops = append(ops, op)
			continue
		}
		in := registerIn{replaces: s.version - min(s.version, uint64(rng.IntN(4)/3)), content: fmt.Sprint(n)}
		out := registerOut{known: true, made: in.replaces == s.version}
		num := r.Change(call, in.replaces, in.content)
		applied := out.made && rng.IntN(10) > 0
		switch what := rng.IntN(6); {
		case what == 0:
			out, op.Return = registerOut{}, math.MaxInt64
		case what == 1 && rng.IntN(2) == 0:
			out.made = !out.made
		}
		if applied {
			s = registerState{in.replaces + 1, in.content}
		}
		switch {
		case out.made:
			r.Made(num, done)
		case out.known:
			r.Refused(num, done)
		}
		op.Input, op.Output = in, out
		ops = append(ops, op)
	}
	return r, ops
}

// TestBranches: of what was made in parts of a ring each last version must be left in the
// end, unless somebody replaced it who had read it.
func TestBranches(t *testing.T) {
	for _, c := range []struct {
		what string
		left []string
		lost bool
	}{
		{"both branches", []string{"a2", "b1"}, false},
		{"the end of one only", []string{"a2"}, true},
		{"what was replaced", []string{"a1", "b1"}, true},
		{"nothing", nil, true},
		{"what nobody is known to have made", []string{"a2", "b1", "x"}, false},
	} {
		r := new(register.Register)
		r.Made(r.Change(1, 0, "a1"), 2)
		r.Made(r.Change(1, 0, "b1"), 2)
		second := r.Change(3, 1, "a2")
		r.Replaces(second, "a1")
		r.Made(second, 4)
		refused := r.Change(3, 1, "b2")
		r.Replaces(refused, "b1")
		r.Refused(refused, 4)
		r.Change(5, 9, "x")
		if err := r.CheckBranches(c.left...); (err != nil) != c.lost {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}
