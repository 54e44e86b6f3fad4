package control

import (
	"testing"
	"testing/synctest"
)

// TestReleaseWaitsForAnswers: the process ends after Release, so the answer to who asked for
// that has gone before; who asks later is too late.
func TestReleaseWaitsForAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(Server)
		if !s.answering() {
			t.Fatal("nobody may ask")
		}
		released := make(chan struct{})
		go func() {
			s.Release()
			close(released)
		}()
		synctest.Wait()
		select {
		case <-released:
			t.Error("the node is gone before it has answered")
		default:
		}
		if s.answering() {
			t.Error("somebody asks a node that is gone")
		}
		s.answers.Done()
		<-released
	})
}
