package member_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/peer"
)

func drawInvitation(t *rapid.T) *member.Invitation {
	bytes := func(n int, name string) []byte { return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, name) }
	v := &member.Invitation{Ring: id.Hash(bytes(32, "ring")), Secret: bytes(16, "secret"), Expires: time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "expires"), 0)}
	v.Ring[0] |= 1
	for range rapid.IntRange(1, member.MaxNamed).Draw(t, "named") {
		a := member.Admitter{Node: id.FromBytes(bytes(16, "node")), Key: peer.Key(bytes(32, "key")),
			Addrs: rapid.SliceOfN(rapid.StringMatching(`/ip4/[0-9.]{7,15}/tcp/[0-9]{1,5}`), 1, 3).Draw(t, "addrs")}
		a.Node.Hi |= 1
		a.Key[0] |= 1
		v.Admitters = append(v.Admitters, a)
	}
	return v
}

func TestInvitationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawInvitation(t)
		text := v.String()
		if !strings.HasPrefix(text, "phyllo1") || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz1234567") != "" || len(text) > member.MaxInvitation {
			t.Fatalf("text %q", text)
		}
		broken := text[:20] + "\r\n  " + text[20:60] + " \t" + text[60:] + "\n"
		for _, s := range []string{text, strings.ToUpper(text), broken} {
			back, err := member.ParseInvitation(s)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(v, back); d != "" {
				t.Fatal(d)
			}
		}
	})
}

// A slip in copying is told as one: a character changed, left out, doubled, or two
// exchanged.
func TestInvitationMisspelt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawInvitation(t).String()
		i := rapid.OneOf(rapid.IntRange(len("phyllo1"), len(text)-2), rapid.Just(len(text)-2)).Draw(t, "at")
		var slip string
		switch rapid.IntRange(0, 4).Draw(t, "slip") {
		case 0:
			slip = text[:i] + rapid.StringMatching(`[a-z2-7]`).Draw(t, "other") + text[i+1:]
		case 1:
			slip = text[:i] + text[i+1:]
		case 2:
			slip = text[:i] + text[i:i+1] + text[i:]
		case 3:
			slip = text[:i] + text[i+1:i+2] + text[i:i+1] + text[i+2:]
		case 4:
			slip = text[:len(text)-1] + rapid.StringMatching(`[a-z2-7]`).Draw(t, "last")
		}
		if slip == text {
			return
		}
		if _, err := member.ParseInvitation(slip); !errors.Is(err, member.ErrInvitationSpelt) {
			t.Fatalf("at %d: %v", i, err)
		}
	})
}

func TestTextsThatAreNoInvitation(t *testing.T) {
	good := rapid.Custom(drawInvitation).Example(1).String()
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", member.ErrInvitation},
		{"a word", "hello", member.ErrInvitation},
		{"an address", "/ip4/127.0.0.1/tcp/4001", member.ErrInvitation},
		{"without its beginning", good[3:], member.ErrInvitation},
		{"the beginning alone", "phyllo1", member.ErrInvitationSpelt},
		{"cut off", good[:50], member.ErrInvitationSpelt},
		{"with a stop", good + ".", member.ErrInvitationSpelt},
		{"a later version", "phyllo2" + good[7:], member.ErrInvitationNewer},
		{"an impossible version", "phyllox" + good[7:], member.ErrInvitation},
		{"very long", "phyllo1" + strings.Repeat("a", 100_000), member.ErrInvitation},
		{"long", "phyllo1" + strings.Repeat("a", member.MaxInvitation), member.ErrInvitation},
		{"no admitter", (&member.Invitation{Ring: id.Hash{1}, Secret: make([]byte, 16), Expires: time.Unix(1, 0)}).String(), member.ErrInvitation},
		{"no ring", func() string { v := rapid.Custom(drawInvitation).Example(2); v.Ring = id.Hash{}; return v.String() }(), member.ErrInvitation},
		{"short secret", func() string {
			v := rapid.Custom(drawInvitation).Example(3)
			v.Secret = v.Secret[1:]
			return v.String()
		}(), member.ErrInvitation},
		{"four admitters", func() string {
			v := rapid.Custom(drawInvitation).Example(4)
			for len(v.Admitters) < 4 {
				v.Admitters = append(v.Admitters, v.Admitters[0])
			}
			return v.String()
		}(), member.ErrInvitation},
		{"four addresses", func() string {
			v := rapid.Custom(drawInvitation).Example(5)
			v.Admitters[0].Addrs = []string{"a", "b", "c", "d"}
			return v.String()
		}(), member.ErrInvitation},
		{"a long address", func() string {
			v := rapid.Custom(drawInvitation).Example(6)
			v.Admitters[0].Addrs = []string{strings.Repeat("a", 129)}
			return v.String()
		}(), member.ErrInvitation},
		{"no key", func() string {
			v := rapid.Custom(drawInvitation).Example(7)
			v.Admitters[0].Key = peer.Key{}
			return v.String()
		}(), member.ErrInvitation},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := member.ParseInvitation(c.text)
			fails(t, err, c.want)
		})
	}
}

func TestInviteOptions(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	for _, c := range []struct {
		o    member.InviteOptions
		says string
	}{
		{member.InviteOptions{Uses: -1}, "--uses takes 1 to 1000"}, {member.InviteOptions{Uses: 1001}, "--uses takes 1 to 1000"},
		{member.InviteOptions{Expires: time.Second}, "--expires takes 1m"}, {member.InviteOptions{Expires: -time.Hour}, "--expires takes 1m"},
		{member.InviteOptions{Expires: 91 * 24 * time.Hour}, "--expires takes 1m"},
	} {
		if _, err := f.Invite(ctx(t), c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.says)
		}
	}
	v := f.invite(member.InviteOptions{Uses: 2, Expires: time.Hour})
	if got := v.Expires.Sub(w.time()); got != time.Hour {
		t.Errorf("expires in %v", got)
	}
	if len(v.String()) > 400 {
		t.Errorf("%d characters for one admitter", len(v.String()))
	}
	_, err := w.box("nobody").Invite(ctx(t), member.InviteOptions{})
	fails(t, err, member.ErrNoRing)
	b := w.box("bob")
	if _, err := b.Redeem(ctx(t), v); err != nil {
		t.Fatal(err)
	}
	_, err = b.Invite(ctx(t), member.InviteOptions{})
	fails(t, err, member.ErrNotAdmitter)
}

func FuzzParseInvitation(f *testing.F) {
	f.Add(rapid.Custom(drawInvitation).Example(1).String())
	f.Add("phyllo1")
	f.Add("phyllo2aaaa")
	f.Fuzz(func(t *testing.T, s string) {
		budget.Decode(t, len(s), func() { member.ParseInvitation(s) })
		v, err := member.ParseInvitation(s)
		if err != nil {
			if !errors.Is(err, member.ErrInvitation) && !errors.Is(err, member.ErrInvitationSpelt) && !errors.Is(err, member.ErrInvitationNewer) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		back, err := member.ParseInvitation(v.String())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v, back); d != "" {
			t.Fatal(d)
		}
	})
}
