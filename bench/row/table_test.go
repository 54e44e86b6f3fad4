package row

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/bench/computer"
)

func fast() *Row {
	return &Row{Name: "fast", What: "a thing", Way: OneWay, Outstanding: 64, Counted: "what is counted", FreePastry: "7 s",
		Goals: []Goal{{Metric: "p50", Limit: 10}, {Metric: "rate", Limit: 100, AtLeast: true}, {Metric: "p50", Limit: 40, Transport: QUIC}}}
}

func TestVerdict(t *testing.T) {
	p50 := func(ms float64) Round {
		return Round{Figures: []Figure{{"p50", ms, "ms"}, {"rate", 200, "/s"}, {"seen", 1e9, ""}}}
	}
	for _, x := range []struct {
		name      string
		transport string
		round     Round
		want      verdict
	}{
		{"as the goal", TCP, p50(10), met},
		{"a quarter above", TCP, p50(12.5), near},
		{"more", TCP, p50(12.6), missed},
		{"the same over QUIC, with a goal of its own", QUIC, p50(12.6), met},
		{"a rate that is too low, a little", TCP, Round{Figures: []Figure{{"rate", 80, "/s"}}}, near},
		{"by far", TCP, Round{Figures: []Figure{{"rate", 79, "/s"}}}, missed},
		{"nothing at all", TCP, Round{Figures: []Figure{{"rate", 0, "/s"}}}, missed},
		{"the worst one counts", TCP, Round{Figures: []Figure{{"p50", 1, "ms"}, {"rate", 1, "/s"}}}, missed},
		{"without a goal", TCP, Round{Figures: []Figure{{"seen", 1, ""}}}, free},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := Result{Row: fast(), Transport: x.transport, Best: x.round}
			if got := r.verdict(); got != x.want {
				t.Errorf("verdict %q, want %q", got, x.want)
			}
		})
	}
	none := &Row{Goals: []Goal{{Metric: "wrong owners", Limit: 0}}}
	for value, want := range map[float64]verdict{0: met, 1: missed} {
		r := Result{Row: none, Best: Round{Figures: []Figure{{"wrong owners", value, ""}}}}
		if got := r.verdict(); got != want {
			t.Errorf("%v of a thing that must not be: verdict %q, want %q", value, got, want)
		}
	}
	if r := (Result{Row: fast(), Err: errors.New("broken")}); r.verdict() != missed {
		t.Error("a row that could not be measured has not missed its goal")
	}
}

// TestBest takes the round whose worst figure is the best, not the one with the best
// first figure.
func TestBest(t *testing.T) {
	rounds := []Round{
		{Figures: []Figure{{"p50", 5, "ms"}, {"rate", 10, "/s"}}},
		{Figures: []Figure{{"p50", 11, "ms"}, {"rate", 95, "/s"}}},
		{Figures: []Figure{{"p50", 20, "ms"}, {"rate", 500, "/s"}}},
	}
	for _, transport := range Links {
		if got := fast().Best(rounds, transport).Figures[1].Value; transport == TCP && got != 95 || transport == QUIC && got != 500 && got != 95 {
			t.Errorf("over %s the round with the rate %v is taken", transport, got)
		}
	}
}

func TestTable(t *testing.T) {
	results := []Result{
		{Row: fast(), Transport: TCP, Rounds: 5, Best: Round{Figures: []Figure{{"p50", 12.34, "ms"}, {"rate", 12345, "/s"}}, Bound: "light is slow"}},
		{Row: fast(), Transport: QUIC, Rounds: 2, Best: Round{Figures: []Figure{{"p50", 3, "ms"}}, Note: "not at full length"}},
		{Row: fast(), Transport: TCP, Err: errors.New("it\nbroke")},
	}
	page := string(Table(results, computer.About{When: time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC), Took: 90 * time.Second, Machine: "A machine", Load: computer.Load{}.String(), Commit: "abc", Command: "go run ./bench"}))
	for _, want := range []string{
		"2026-05-04", "A machine", "commit abc", "`go run ./bench`", "how busy the machine was is not known",
		"| a thing | one way, 64 outstanding, TCP+Noise | what is counted | 5 | p50 12.3 ms; rate 12,345 /s | ≤ 10 ms; ≥ 100 /s | within 25 %: light is slow | 7 s |\n",
		"| a thing | one way, 64 outstanding, QUIC | what is counted | 2 | p50 3 ms | ≤ 40 ms | met; not at full length | 7 s |\n",
		"| not measured: it broke |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	lines, err := JSON(results)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"fast/tcp","metric":"p50","value":12.34,"unit":"ms","goal":10,"met":false}
{"name":"fast/tcp","metric":"rate","value":12345,"unit":"/s","goal":100,"met":true}
{"name":"fast/quic","metric":"p50","value":3,"unit":"ms","goal":40,"met":true}
`
	if string(lines) != want {
		t.Errorf("JSON is\n%s\nwant\n%s", lines, want)
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 3: "3", 0.1234: "0.123", 2.5: "2.5", 12.345: "12.3", 999.6: "1000", 1234.5: "1,234", 40000: "40,000", -1234: "-1,234"} {
		if got := Number(x); got != want {
			t.Errorf("%v is spelled %q, want %q", x, got, want)
		}
	}
}
