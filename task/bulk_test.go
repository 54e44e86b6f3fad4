package task_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

const mib = task.ChunkSize

func TestPart(t *testing.T) {
	whole := task.Whole(3*mib + 1)
	if err := whole.Check(); err != nil || len(whole.Chunks) != 4 || whole.Len(0) != mib || whole.Len(3) != 1 || whole.Bytes(4) != 3*mib+1 || whole.Bytes(2) != 2*mib || whole.Bytes(0) != 0 {
		t.Errorf("%+v: %v", whole, err)
	}
	if rest := whole.From(3); rest.Check() != nil || len(rest.Chunks) != 1 || rest.Len(0) != 1 || rest.Size != whole.Size {
		t.Errorf("the rest: %+v", rest)
	}
	for _, bad := range []task.Part{
		{}, task.Whole(0), task.Whole(-1), task.Whole((task.MaxChunks + 1) * mib), {Size: 1}, {Size: 1, Chunks: []int{1}},
		{Size: 3 * mib, Chunks: []int{-1, 0}}, {Size: 3 * mib, Chunks: []int{0, 0}}, {Size: 3 * mib, Chunks: []int{2, 1}},
		{Size: 3 * mib, Chunks: []int{3}}, {Size: task.MaxSize + 1, Chunks: []int{0}},
	} {
		if err := bad.Check(); !errors.Is(err, task.ErrPart) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := task.Whole(task.MaxChunks * mib).Check(); err != nil {
		t.Error(err)
	}
}

func TestPartHolds(t *testing.T) {
	p := task.Part{Size: 9 * mib, Chunks: []int{1, 2, 5, 8}}
	for _, c := range []struct {
		chunks []int
		want   bool
	}{
		{[]int{1, 2, 5, 8}, true}, {[]int{1}, true}, {[]int{8}, true}, {[]int{2, 8}, true},
		{[]int{0}, false}, {[]int{1, 3}, false}, {[]int{5, 6}, false}, {[]int{1, 2, 3, 5, 8}, false},
	} {
		if got := p.Holds(task.Part{Size: p.Size, Chunks: c.chunks}); got != c.want {
			t.Errorf("%v holds %v: %v", p.Chunks, c.chunks, got)
		}
	}
	if p.Holds(task.Part{Size: 8 * mib, Chunks: []int{1}}) {
		t.Error("a part of another content")
	}
}

type nothing struct{}

func (nothing) WriteChunk(int, []byte) error { return nil }

// A task that moves something goes on with the outcome; one whose node stops, or whose
// transfer never answers, gives it up.
func TestBulk(t *testing.T) {
	w := newWorld()
	tr := task.Transfer{With: &peer.Handle{}, Part: task.Whole(9), Sink: nothing{}, Timeout: time.Minute}
	var chunks int
	var err error
	move := func() {
		w.input(func() {
			w.group.Go(func(t *task.T) error {
				chunks, err = task.Bulk(t, w, tr)
				return nil
			}, nil)
		})
	}
	move()
	w.input(func() { w.moved(task.Moved{Chunks: 3, Err: task.ErrBroken}) })
	if chunks != 3 || !errors.Is(err, task.ErrBroken) || w.stops != 0 {
		t.Errorf("%d chunks, %v, %d stops", chunks, err, w.stops)
	}
	move()
	w.pass(2 * time.Minute)
	if !errors.Is(err, task.ErrTimeout) || w.stops != 1 {
		t.Errorf("without an outcome: %v, %d stops", err, w.stops)
	}
	move()
	w.group.Stop()
	if !errors.Is(err, task.ErrStopped) || w.stops != 2 {
		t.Errorf("the node stops: %v, %d stops", err, w.stops)
	}
}

func TestTransferValidate(t *testing.T) {
	good := task.Transfer{With: &peer.Handle{}, Sink: nothing{}, Timeout: time.Minute}
	good.Validate()
	for name, spoil := range map[string]func(*task.Transfer){
		"with nobody":      func(tr *task.Transfer) { tr.With = nil },
		"without an end":   func(tr *task.Transfer) { tr.Sink = nil },
		"without time-out": func(tr *task.Transfer) { tr.Timeout = 0 },
		"for days":         func(tr *task.Transfer) { tr.Timeout = 25 * time.Hour },
	} {
		tr := good
		spoil(&tr)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a transfer %s is taken", name)
				}
			}()
			tr.Validate()
		}()
	}
}
