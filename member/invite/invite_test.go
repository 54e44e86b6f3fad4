package invite_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/peer"
)

func drawInvitation(t *rapid.T) *invite.Invitation {
	bytes := func(n int, name string) []byte { return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, name) }
	v := &invite.Invitation{Ring: id.Hash(bytes(32, "ring")), Secret: bytes(16, "secret"), Expires: time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "expires"), 0)}
	v.Ring[0] |= 1
	for range rapid.IntRange(1, invite.MaxNamed).Draw(t, "named") {
		a := invite.Admitter{Node: id.FromBytes(bytes(16, "node")), Key: peer.Key(bytes(32, "key")),
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
		if !strings.HasPrefix(text, "phyllo1") || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz1234567") != "" || len(text) > invite.MaxInvitation {
			t.Fatalf("text %q", text)
		}
		broken := text[:20] + "\r\n  " + text[20:60] + " \t" + text[60:] + "\n"
		for _, s := range []string{text, strings.ToUpper(text), broken} {
			back, err := invite.Parse(s)
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
		if _, err := invite.Parse(slip); !errors.Is(err, invite.ErrInvitationSpelt) {
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
		{"nothing", "", invite.ErrInvitation},
		{"a word", "hello", invite.ErrInvitation},
		{"an address", "/ip4/127.0.0.1/tcp/4001", invite.ErrInvitation},
		{"without its beginning", good[3:], invite.ErrInvitation},
		{"the beginning alone", "phyllo1", invite.ErrInvitationSpelt},
		{"cut off", good[:50], invite.ErrInvitationSpelt},
		{"with a stop", good + ".", invite.ErrInvitationSpelt},
		{"a later version", "phyllo2" + good[7:], invite.ErrInvitationNewer},
		{"an impossible version", "phyllox" + good[7:], invite.ErrInvitation},
		{"very long", "phyllo1" + strings.Repeat("a", 100_000), invite.ErrInvitation},
		{"long", "phyllo1" + strings.Repeat("a", invite.MaxInvitation), invite.ErrInvitation},
		{"no admitter", (&invite.Invitation{Ring: id.Hash{1}, Secret: make([]byte, 16), Expires: time.Unix(1, 0)}).String(), invite.ErrInvitation},
		{"no ring", func() string { v := rapid.Custom(drawInvitation).Example(2); v.Ring = id.Hash{}; return v.String() }(), invite.ErrInvitation},
		{"short secret", func() string {
			v := rapid.Custom(drawInvitation).Example(3)
			v.Secret = v.Secret[1:]
			return v.String()
		}(), invite.ErrInvitation},
		{"four admitters", func() string {
			v := rapid.Custom(drawInvitation).Example(4)
			for len(v.Admitters) < 4 {
				v.Admitters = append(v.Admitters, v.Admitters[0])
			}
			return v.String()
		}(), invite.ErrInvitation},
		{"four addresses", func() string {
			v := rapid.Custom(drawInvitation).Example(5)
			v.Admitters[0].Addrs = []string{"a", "b", "c", "d"}
			return v.String()
		}(), invite.ErrInvitation},
		{"a long address", func() string {
			v := rapid.Custom(drawInvitation).Example(6)
			v.Admitters[0].Addrs = []string{strings.Repeat("a", 129)}
			return v.String()
		}(), invite.ErrInvitation},
		{"no key", func() string {
			v := rapid.Custom(drawInvitation).Example(7)
			v.Admitters[0].Key = peer.Key{}
			return v.String()
		}(), invite.ErrInvitation},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := invite.Parse(c.text)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(rapid.Custom(drawInvitation).Example(1).String())
	f.Add("phyllo1")
	f.Add("phyllo2aaaa")
	f.Fuzz(func(t *testing.T, s string) {
		budget.Decode(t, len(s), func() { invite.Parse(s) })
		v, err := invite.Parse(s)
		if err != nil {
			if !errors.Is(err, invite.ErrInvitation) && !errors.Is(err, invite.ErrInvitationSpelt) && !errors.Is(err, invite.ErrInvitationNewer) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		back, err := invite.Parse(v.String())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v, back); d != "" {
			t.Fatal(d)
		}
	})
}
