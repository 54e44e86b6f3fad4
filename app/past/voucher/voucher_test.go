package voucher_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

var (
	authority = standin.NewSigner(1, 0)
	ring      = peer.RingID(authority.Public())
	verifier  = standin.Verifier{}
	newYear   = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	admission = peer.NewAdmission(authority, authority.Public(), newYear)
	ann       = standin.NewSigner(2, 1)
)

func certify(key peer.Signer) *peer.Certificate {
	return peer.NewCertificate(authority, admission, key.Public(), peer.Salt{7}, newYear)
}

func charges(n int) (cs []voucher.Charge) {
	for i := range n {
		cs = append(cs, voucher.Charge{Object: id.HashOf("object", i), Size: int64(i) * 1000, Copies: uint8(i%5 + 1)})
	}
	return cs
}

func debit(cs []voucher.Charge) *voucher.Debit {
	return voucher.NewDebit(ring, 7, cs, time.Time{}, certify(ann), ann, newYear, time.Hour)
}

// vouch adds the votes of n nodes.
func vouch(d *voucher.Debit, n int) *voucher.Voucher {
	v := &voucher.Voucher{Debit: d}
	for i := range n {
		key := standin.NewSigner(3, uint64(i))
		v.Votes = append(v.Votes, voucher.NewVote(ring, d.Hash(ring), certify(key), key))
	}
	return v
}

// TestPaths: each of 1 to 256 charges is found in its debit, at its place and no other,
// and in no other debit.
func TestPaths(t *testing.T) {
	step := 1
	if simtest.Race {
		step = 15
	}
	for n := 1; n <= voucher.MaxCharges; n += step {
		cs := charges(n)
		d, other := debit(cs), debit(charges(n + 1)[1:])
		if err := d.Lists(cs); err != nil {
			t.Fatal(err)
		}
		for i, p := range voucher.Paths(cs) {
			if err := errors.Join(p.Check(), p.In(d)); err != nil {
				t.Fatalf("charge %d of %d: %v", i, n, err)
			}
			if p.In(other) == nil {
				t.Fatalf("charge %d of %d is in another debit", i, n)
			}
			q := *p
			q.Charge.Size++
			if q.In(d) == nil {
				t.Fatalf("charge %d of %d is there with another size", i, n)
			}
			if q = *p; n > 1 {
				if q.Index = uint16((i + 1) % n); q.In(d) == nil {
					t.Fatalf("charge %d of %d is at another place too", i, n)
				}
				q = *p
				q.Beside = q.Beside[:len(q.Beside)-1]
				if q.In(d) == nil {
					t.Fatalf("charge %d of %d: with a short path", i, n)
				}
			}
		}
	}
}

func TestTotal(t *testing.T) {
	if d := debit(charges(4)); d.Total != 0*1+1000*2+2000*3+3000*4 {
		t.Errorf("total %d", d.Total)
	}
	for what, cs := range map[string][]voucher.Charge{
		"none":           {},
		"257":            charges(257),
		"one twice":      append(charges(3), charges(1)...),
		"a size below 0": {{Size: -1, Copies: 1}},
		"a size of 2^63": {{Size: 1<<63 - 1, Copies: 1}},
		"no copies":      {{Size: 1}},
		"17 copies":      {{Size: 1, Copies: 17}},
	} {
		if err := voucher.CheckCharges(cs); !errors.Is(err, voucher.ErrVoucher) {
			t.Errorf("%s: %v", what, err)
		}
	}
	d := debit(charges(4))
	for what, cs := range map[string][]voucher.Charge{"others": charges(5)[1:], "fewer": charges(3), "none": nil} {
		if err := d.Lists(cs); !errors.Is(err, voucher.ErrVoucher) {
			t.Errorf("the debit lists %s: %v", what, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	cs := charges(100)
	p := &voucher.Payment{Voucher: vouch(debit(cs), 3), Path: voucher.Paths(cs)[42]}
	got := new(voucher.Payment)
	if err := wire.Unmarshal(wire.MustMarshal(p), got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, got, cmp.Comparer(func(a, b id.ID) bool { return a == b })); d != "" {
		t.Fatal(d)
	}
	if err := got.Voucher.Verify(ring, newYear, verifier); err != nil {
		t.Error(err)
	}
}

// TestEachBit: with any bit changed a payment pays for nothing (RELIABILITY, certificate
// checks).
func TestEachBit(t *testing.T) {
	cs := charges(6)
	cs[3] = voucher.Charge{Object: file.ID(), Size: file.Size, Copies: file.Copies}
	b := wire.MustMarshal(&voucher.Payment{Voucher: vouch(debit(cs), 3), Path: voucher.Paths(cs)[3]})
	for bit := range 8 * len(b) {
		x := slices.Clone(b)
		x[bit/8] ^= 1 << (bit % 8)
		got := new(voucher.Payment)
		if wire.Unmarshal(x, got) == nil && got.Check() == nil && got.Voucher.Verify(ring, newYear, verifier) == nil && got.Covers(file) == nil {
			t.Fatalf("with bit %d changed it is accepted", bit)
		}
	}
}

var file = (&certificate.Certificate{Kind: certificate.File, Salt: peer.Salt{1}, Size: 3000, Copies: 4}).Sign(ring, ann, newYear)

func TestCovers(t *testing.T) {
	with := func(change func(*certificate.Certificate)) *certificate.Certificate {
		c := *file
		change(&c)
		return &c
	}
	pay := func(until time.Time) *voucher.Payment {
		cs := append(charges(2), voucher.Charge{Object: file.ID(), Size: file.Size, Copies: file.Copies})
		d := voucher.NewDebit(ring, 1, cs, until, certify(ann), ann, newYear, time.Hour)
		return &voucher.Payment{Voucher: vouch(d, 1), Path: voucher.Paths(cs)[2]}
	}
	day := newYear.Add(24 * time.Hour)
	ends := func(at time.Time) *certificate.Certificate {
		return with(func(c *certificate.Certificate) { c.Expires = at.UnixMilli() })
	}
	for what, x := range map[string]struct {
		until time.Time
		cert  *certificate.Certificate
		want  bool
	}{
		"what it is for":      {time.Time{}, file, true},
		"less":                {time.Time{}, with(func(c *certificate.Certificate) { c.Size-- }), true},
		"more":                {time.Time{}, with(func(c *certificate.Certificate) { c.Size++ }), false},
		"more copies":         {time.Time{}, with(func(c *certificate.Certificate) { c.Copies++ }), false},
		"fewer copies":        {time.Time{}, with(func(c *certificate.Certificate) { c.Copies-- }), false},
		"another file":        {time.Time{}, with(func(c *certificate.Certificate) { c.Salt[0]++ }), false},
		"what ends":           {time.Time{}, ends(day), true},
		"what ends in time":   {day, ends(day), true},
		"what ends too late":  {day, ends(day.Add(time.Second)), false},
		"what does not end":   {day, file, false},
		"what ends at 0 only": {day, ends(time.UnixMilli(0)), false},
	} {
		if err := pay(x.until).Covers(x.cert); (err == nil) != x.want {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestHostile: what no honest node sends.
func TestHostile(t *testing.T) {
	cs := charges(3)
	resigned := func(change func(*voucher.Debit)) *voucher.Voucher {
		d := debit(cs)
		change(d)
		h := d.Hash(ring)
		d.Sig = ann.Sign(h[:])
		return vouch(d, 3)
	}
	good := func(change func(*voucher.Voucher)) *voucher.Voucher {
		v := vouch(debit(cs), 3)
		change(v)
		return v
	}
	for what, v := range map[string]*voucher.Voucher{
		"none":                nil,
		"no debit":            {},
		"no member":           good(func(v *voucher.Voucher) { v.Debit.Member = nil }),
		"no charges":          resigned(func(d *voucher.Debit) { d.Count = 0 }),
		"257 charges":         resigned(func(d *voucher.Debit) { d.Count = 257 }),
		"a total below 0":     resigned(func(d *voucher.Debit) { d.Total = -1 }),
		"a total of 2^62":     resigned(func(d *voucher.Debit) { d.Total = 1 << 62 }),
		"no date":             resigned(func(d *voucher.Debit) { d.Date = 0 }),
		"a life of two hours": resigned(func(d *voucher.Debit) { d.Expires = d.Date + 2*time.Hour.Milliseconds() }),
		"an end at its date":  resigned(func(d *voucher.Debit) { d.Expires = d.Date }),
		"an impossible end":   resigned(func(d *voucher.Debit) { d.Until = 1 << 60 }),
		"a past end":          resigned(func(d *voucher.Debit) { d.Until = d.Date }),
		"a short signature":   good(func(v *voucher.Voucher) { v.Debit.Sig = v.Debit.Sig[:63] }),
		"another's signature": good(func(v *voucher.Voucher) { v.Debit.Sig = v.Votes[0].Sig }),
		"no votes":            good(func(v *voucher.Voucher) { v.Votes = nil }),
		"17 votes":            vouch(debit(cs), 17),
		"a vote of nobody":    good(func(v *voucher.Voucher) { v.Votes[1] = nil }),
		"a vote twice":        good(func(v *voucher.Voucher) { v.Votes[1] = v.Votes[0] }),
		"a stolen vote":       good(func(v *voucher.Voucher) { v.Votes[1].Voter = certify(ann) }),
		"votes for another":   {Debit: debit(charges(2)), Votes: vouch(debit(cs), 3).Votes},
		"an uncertified voter": good(func(v *voucher.Voucher) {
			c := *v.Votes[1].Voter
			c.Node = id.ID{}
			v.Votes[1].Voter = &c
		}),
	} {
		if err := v.Verify(ring, newYear, verifier); !errors.Is(err, voucher.ErrVoucher) {
			t.Errorf("%s: %v", what, err)
		}
	}
	v := vouch(debit(cs), 3)
	for what, x := range map[string]struct {
		ring id.Hash
		at   time.Time
		want bool
	}{
		"now":             {ring, newYear, true},
		"in an hour":      {ring, newYear.Add(time.Hour), true}, // clocks differ
		"in two hours":    {ring, newYear.Add(2 * time.Hour), false},
		"an hour before":  {ring, newYear.Add(-time.Hour), false},
		"in another ring": {id.HashOf("another"), newYear, false},
	} {
		if err := v.Verify(x.ring, x.at, verifier); (err == nil) != x.want {
			t.Errorf("%s: %v", what, err)
		}
	}
	if d := v.Debit; d.Over(newYear.Add(time.Hour)) || !d.Over(newYear.Add(70*time.Minute)) {
		t.Error("a debit is over when no honest clock lets it be used any more")
	}
}

func TestRelease(t *testing.T) {
	key := standin.NewSigner(3, 1)
	object, d := id.HashOf("object"), debit(charges(1)).Hash(ring)
	give := func(change func(*voucher.Release)) *voucher.Release {
		r := voucher.NewRelease(ring, object, d, certify(key), key, newYear)
		change(r)
		return r
	}
	if err := give(func(*voucher.Release) {}).Verify(ring, object, d, newYear, verifier); err != nil {
		t.Error(err)
	}
	for what, r := range map[string]*voucher.Release{
		"none":              nil,
		"of nobody":         give(func(r *voucher.Release) { r.Holder = nil }),
		"of another":        give(func(r *voucher.Release) { r.Holder = certify(ann) }),
		"for another":       give(func(r *voucher.Release) { r.Object[0]++ }),
		"of another debit":  give(func(r *voucher.Release) { r.Debit[0]++ }),
		"of another time":   give(func(r *voucher.Release) { r.Time++ }),
		"of no time":        give(func(r *voucher.Release) { r.Time = 0 }),
		"a short signature": give(func(r *voucher.Release) { r.Sig = nil }),
	} {
		if err := r.Verify(ring, object, d, newYear, verifier); !errors.Is(err, voucher.ErrVoucher) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// decodes reads bytes within their share of memory; what is good is good again when it was
// written and read once more.
func decodes[V any](t *testing.T, b []byte, v *V, verify func(*V) error) {
	budget.Decode(t, len(b), func() { wire.Unmarshal(b, new(V)) })
	if wire.Unmarshal(b, v) != nil || verify(v) != nil {
		return
	}
	again := new(V)
	if err := wire.Unmarshal(wire.MustMarshal(v), again); err != nil || verify(again) != nil {
		t.Fatalf("%x is good once, and then %v", b, err)
	}
}

func FuzzPayment(f *testing.F) {
	cs := charges(6)
	cs[3] = voucher.Charge{Object: file.ID(), Size: file.Size, Copies: file.Copies}
	f.Add(wire.MustMarshal(&voucher.Payment{Voucher: vouch(debit(cs), 2), Path: voucher.Paths(cs)[3]}))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		decodes(t, b, new(voucher.Payment), func(p *voucher.Payment) error {
			if err := p.Check(); err != nil {
				return err
			}
			return errors.Join(p.Voucher.Verify(ring, newYear, verifier), p.Covers(file))
		})
	})
}

func FuzzRelease(f *testing.F) {
	key := standin.NewSigner(3, 1)
	f.Add(wire.MustMarshal(voucher.NewRelease(ring, id.HashOf("o"), id.HashOf("d"), certify(key), key, newYear)))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		decodes(t, b, new(voucher.Release), func(r *voucher.Release) error {
			return r.Verify(ring, r.Object, r.Debit, newYear, verifier)
		})
	})
}
