package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// force is what strikes in one flood. strike is called by many goroutines, with the
// number of the strike; it ends when it has done its harm, or the context has ended.
type force interface {
	strike(ctx context.Context, n int) error
	close()
}

// attack is the attackers' process: it reads its orders, says who has come, and
// strikes from the word "go" until the input ends.
func attack(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	text, err := lines.ReadBytes('\n')
	if err != nil {
		return err
	}
	var o orders
	if err := json.Unmarshal(text, &o); err != nil {
		return err
	}
	f := floodNamed(o.Flood)
	if f == nil {
		return fmt.Errorf("no flood %q", o.Flood)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	who, names, err := f.gather(ctx, &o)
	if err != nil {
		return err
	}
	defer who.close()
	if err := json.NewEncoder(out).Encode(names); err != nil {
		return err
	}
	word, err := lines.ReadString('\n')
	if errors.Is(err, io.EOF) && word == "" {
		return nil // they were called for nothing
	}
	if err != nil {
		return err
	}
	go func() {
		defer cancel()
		io.Copy(io.Discard, lines)
	}()
	return json.NewEncoder(out).Encode(f.run(ctx, who))
}

// run strikes at the flood's rate, with its hands, until the context ends. A strike
// for which no hand is free is left out.
func (f *flood) run(ctx context.Context, who force) struck {
	var wg sync.WaitGroup
	var done, failed atomic.Int64
	work := make(chan int)
	for range f.hands {
		wg.Go(func() {
			for n := range work {
				if err := who.strike(ctx, n); err != nil {
					failed.Add(1)
				}
				done.Add(1)
			}
		})
	}
	begun, n := time.Now(), 0
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		for due := int(time.Since(begun).Seconds() * float64(f.rate)); n < due && ctx.Err() == nil; n++ {
			select {
			case work <- n:
			default:
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	close(work)
	wg.Wait()
	return struck{Done: int(done.Load()), Failed: int(failed.Load())}
}
