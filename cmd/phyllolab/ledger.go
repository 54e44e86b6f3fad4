package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
)

// ledger is what came of storms of any number of commands, in ranges of seeds that grow
// together. Its file is a page for people.
type ledger []entry

// entry is a range of seeds, both included, of storms that are alike but for the seed.
type entry struct {
	storms   string // their flags
	from, to uint64
	toll     lab.Toll
	failed   []uint64 // seeds
}

const (
	ledgerTitle = `# Storms that were run

Written by ` + "`phyllolab storm --ledger FILE`" + `, which notes each seed when it has passed or failed, and leaves out those that
are noted: it can be stopped at any time, and goes on where it was. Each row is of the code of its time. *Spared* are files
that were reclaimed, or whose copies were all lost within five minutes; of the others none may be lost. A seed fails if
anything at all is wrong, of the overlay or of storage. To run a seed again, after a repair, take its row out.

`
	ledgerHead = "| storms | seeds | stored | spared | lost | read | changed | failed |\n|---|---|---|---|---|---|---|---|\n"
	ledgerRow  = "| %s | %d..%d | %d | %d | %d | %d | %d | %s |"
)

// storms are the flags of a storm without its seed.
func storms(t lab.Tempest) string {
	_, text, _ := strings.Cut(t.String(), " --nodes ")
	return "--nodes " + text
}

// has reports whether a seed is noted.
func (l ledger) has(storms string, seed uint64) bool {
	return slices.ContainsFunc(l, func(e entry) bool { return e.storms == storms && e.from <= seed && seed <= e.to })
}

// add notes a seed that is not noted yet.
func (l ledger) add(storms string, v verdict) ledger {
	e := entry{storms: storms, from: v.storm.Seed, to: v.storm.Seed, toll: v.toll}
	if len(v.wrong) > 0 {
		e.failed = []uint64{e.from}
	}
	i, _ := slices.BinarySearchFunc(l, e, func(a, b entry) int {
		if c := strings.Compare(a.storms, b.storms); c != 0 {
			return c
		}
		if a.from < b.from {
			return -1
		}
		return 1
	})
	l = slices.Insert(l, i, e)
	for _, j := range []int{i, i - 1} { // with the next one, and with the one before
		if j >= 0 && j+1 < len(l) && l[j].storms == storms && l[j+1].storms == storms && l[j].to+1 == l[j+1].from {
			l[j].to = l[j+1].to
			l[j].toll.Add(l[j+1].toll)
			l[j].failed = append(slices.Clone(l[j].failed), l[j+1].failed...)
			l = slices.Delete(l, j+1, j+2)
		}
	}
	return l
}

// sum is what all storms did, how many there were, and how many of them failed.
func (l ledger) sum() (toll lab.Toll, seeds uint64, failed int) {
	for _, e := range l {
		toll.Add(e.toll)
		seeds += e.to - e.from + 1
		failed += len(e.failed)
	}
	return toll, seeds, failed
}

// String is what is known of all storms together.
func (l ledger) String() string {
	toll, seeds, failed := l.sum()
	lost := experiment.Rate{K: toll.Lost, N: toll.Stored - toll.Spared}
	return fmt.Sprintf("%d storms, %d failed; %s files that were acknowledged lost (below %s with 95 %%)",
		seeds, failed, lost, experiment.Number(lost.Upper()))
}

// page is the ledger's file.
func (l ledger) page() []byte {
	var b strings.Builder
	b.WriteString(ledgerTitle + ledgerHead)
	for _, e := range l {
		failed := strings.Trim(fmt.Sprint(e.failed), "[]")
		fmt.Fprintf(&b, ledgerRow+"\n", e.storms, e.from, e.to, e.toll.Stored, e.toll.Spared, e.toll.Lost, e.toll.Read, e.toll.Changed, failed)
	}
	return []byte(b.String() + "\n" + l.String() + ".\n")
}

// openLedger reads a ledger; one that is not there is empty.
func openLedger(file string) (l ledger, err error) {
	page, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows := false
	for lines, n := bufio.NewScanner(strings.NewReader(string(page))), 1; lines.Scan(); n++ {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "|---"):
			rows = true
		case rows && line == "":
			return l, nil
		case rows:
			e, ok := parseEntry(line)
			if !ok {
				return nil, wrong("%s:%d: this is no row of a ledger: mend it, or name another file with --ledger", file, n)
			}
			l = append(l, e)
		}
	}
	if !rows {
		return nil, wrong("%s is no ledger: name another file with --ledger", file)
	}
	return l, nil
}

func parseEntry(line string) (e entry, ok bool) {
	cells := strings.Split(line, "|")
	if len(cells) != 10 {
		return e, false
	}
	e.storms = strings.TrimSpace(cells[1])
	t := &e.toll
	_, err := fmt.Sscanf(strings.Join(cells[2:8], " "), "%d..%d %d %d %d %d %d", &e.from, &e.to, &t.Stored, &t.Spared, &t.Lost, &t.Read, &t.Changed)
	for _, seed := range strings.Fields(cells[8]) {
		var s uint64
		_, bad := fmt.Sscan(seed, &s)
		err = errors.Join(err, bad)
		e.failed = append(e.failed, s)
	}
	return e, err == nil && e.from <= e.to && e.storms != ""
}

// write replaces the file, whole or not at all.
func (l ledger) write(file string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".ledger-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it was renamed
	_, err = f.Write(l.page())
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// record strikes the seeds that are not in the ledger yet, and notes each.
func (w *world) record(ctx context.Context, f *stormFlags) error {
	l, err := openLedger(f.ledger)
	if err != nil {
		return err
	}
	if err := l.write(f.ledger); err != nil { // before a storm that could not be noted is run
		return wrong("the ledger cannot be written: %w: name another file with --ledger", err)
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	kind, known := storms(f.Tempest), slices.Clone(l)
	show, done := w.progress(), 0
	for v := range f.start(ctx, func(seed uint64) bool { return !known.has(kind, seed) }) {
		l = l.add(kind, v)
		if len(v.wrong) > 0 {
			fmt.Fprintf(w.out, "seed %d failed: %s\n", v.storm.Seed, v.wrong[0])
		}
		if e := l.write(f.ledger); e != nil && err == nil {
			err = e
			end() // the storms under way are waited for
		}
		done++
		show(done, int(f.to-f.from)+1, "seeds")
	}
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	fmt.Fprintln(w.out, l)
	if toll, _, failed := l.sum(); failed > 0 || toll.Lost > 0 {
		return fmt.Errorf("%s notes seeds that failed: `phyllolab storm %s --seeds N` tells what happens in one", f.ledger, kind)
	}
	return nil
}
