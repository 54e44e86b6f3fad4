package disk_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
)

// childEnv names the folder in which a child process writes.
const childEnv = "PHYLLO_STORE_TEST_DIR"

// killWriters is how many writers the child has. Each writes batches numbered
// from 0 on, of a record in table "a" and one in table "b".
const killWriters = 8

func numbered(writer, i int) *store.Batch {
	var b store.Batch
	value := fmt.Sprintf("%d/%d/%s", writer, i, strings.Repeat("x", i*379%3000))
	b.Put("a", fmt.Appendf(nil, "%d/%06d", writer, i), []byte(value))
	b.Put("b", fmt.Appendf(nil, "%d/%06d", writer, i), []byte(value))
	return &b
}

// writeUntilKilled is the child: it goes on where the store ends, and prints
// "writer number" for each batch that was acknowledged.
func writeUntilKilled() {
	s, err := disk.Open(disk.Config{Dir: os.Getenv(childEnv), MemTable: 256 << 10})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for w := range killWriters {
		next := 0
		err := s.Scan("a", store.Prefix(fmt.Appendf(nil, "%d/", w)), func(k, v []byte) bool { next++; return true })
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		go func() {
			for i := next; ; i++ {
				if err := s.Apply(numbered(w, i)); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				fmt.Println(w, i)
			}
		}()
	}
	select {}
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	acked := make([]int, killWriters) // number of batches acknowledged
	for round := range 6 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines, limit := bufio.NewScanner(out), 1+round*round*40 // from the first moment to several tables
		for n := 0; lines.Scan(); n++ {
			var w, i int
			if _, err := fmt.Sscan(lines.Text(), &w, &i); err != nil {
				t.Errorf("child says %q", lines.Text())
			} else {
				acked[w] = max(acked[w], i+1)
			}
			if n == limit {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		child.Wait() // "signal: killed"

		s := open(t, disk.Config{Dir: dir})
		for w := range killWriters {
			checkNumbered(t, s, w, acked[w], acked[w]+1)
		}
		closeStore(t, s)
	}
}

// checkNumbered checks that a writer's batches are there without a gap, whole,
// at least min of them and at most max.
func checkNumbered(t testing.TB, s store.Store, writer, min, max int) {
	t.Helper()
	var counts []int
	for _, table := range []store.Table{"a", "b"} {
		n := 0
		err := s.Scan(table, store.Prefix(fmt.Appendf(nil, "%d/", writer)), func(k, v []byte) bool {
			op := numbered(writer, n).Ops()[0]
			if string(k) != string(op.Key) || string(v) != string(op.Value) {
				t.Errorf("writer %d: record %q with %.20q at place %d", writer, k, v, n)
				return false
			}
			n++
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, n)
	}
	if counts[0] != counts[1] {
		t.Errorf("writer %d: half a batch: %d and %d records", writer, counts[0], counts[1])
	}
	if counts[0] < min || counts[0] > max {
		t.Errorf("writer %d: %d batches, want %d to %d", writer, counts[0], min, max)
	}
}
