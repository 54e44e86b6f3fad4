package msg_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

// inserts are what an insert and a lookup say, in all forms that are coded by hand.
func inserts() []wire.Coded {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	authority, owner, holder := standin.NewSigner(1, 0), standin.NewSigner(2, 1), standin.NewSigner(3, 2)
	ring := peer.RingID(authority.Public())
	admission := peer.NewAdmission(authority, authority.Public(), now)
	member := func(n byte) *peer.Certificate {
		return peer.NewCertificate(authority, admission, standin.NewSigner(3, uint64(n)).Public(), peer.Salt{n}, now)
	}
	content := []byte("content")
	var cs []*certificate.Certificate
	var charges []voucher.Charge
	for i := range 5 {
		c := &certificate.Certificate{Kind: certificate.File, Part: certificate.Part{1}, Salt: peer.Salt{byte(i)}, Content: certificate.ContentHash(content),
			Size: int64(len(content)), Copies: 3, Date: now.UnixMilli()}
		cs = append(cs, c)
		x := *c
		x.Owner = owner.Public()
		charges = append(charges, voucher.Charge{Object: x.ID(), Size: 300, Copies: 3})
	}
	many := certificate.SignAll(cs, ring, owner, now)
	alone := cs[0].Sign(ring, owner, now)
	block := (&certificate.Certificate{Kind: certificate.Block, Copies: 3, Expires: now.Add(time.Hour).UnixMilli()}).Sign(ring, owner, now)
	voucherOf := func(until time.Time) *voucher.Voucher {
		d := voucher.NewDebit(ring, 1<<60, charges, until, member(1), owner, now, time.Hour)
		x := &voucher.Voucher{Debit: d}
		for i := range byte(3) {
			x.Votes = append(x.Votes, voucher.NewVote(ring, d.Hash(ring), member(i+2), holder))
		}
		return x
	}
	paths := voucher.Paths(charges)
	var written []certificate.Written
	all := &msg.PutMany{Vouchers: []*voucher.Voucher{voucherOf(time.Time{}), voucherOf(now.Add(time.Hour))}}
	for i, c := range many {
		all.Puts = append(all.Puts, &msg.OneOfMany{Cert: c, Content: content, Path: paths[i], Voucher: uint8(i % 2)})
		written = append(written, certificate.Written{Object: c.ID(), Certificate: c.Hash(ring)})
	}
	receipts := certificate.NewReceipts(ring, written, member(1), holder, now)
	return []wire.Coded{
		&msg.Put{Cert: alone, Content: content}, &msg.Put{Cert: block}, &msg.Put{Cert: many[1], Content: content, Payment: &voucher.Payment{Voucher: voucherOf(time.Time{}), Path: paths[1]}},
		all, &msg.PutMany{Puts: []*msg.OneOfMany{{Cert: alone, Content: content}}},
		&msg.Stored{Receipt: receipts[2]}, &msg.Stored{Receipt: certificate.NewReceipt(ring, written[0].Object, written[0].Certificate, member(1), holder, now)},
		&msg.StoredMany{Codes: []uint16{0, 300, 7}, Time: receipts[0].Time, Holder: receipts[0].Holder, Sig: receipts[0].Sig}, &msg.StoredMany{Codes: []uint16{300}},
		&msg.Get{Object: written[0].Object}, &msg.Get{Object: written[0].Object, Bare: true, Own: true},
		&msg.Object{Cert: many[0], Content: content, Life: 1 << 60, Age: 9}, &msg.Object{Cert: alone},
	}
}

// sameAsCodec fails the test if a message that is read by hand is another, or refused, by the
// codec's library, or takes more memory than its bytes may.
func sameAsCodec(t *testing.T, like wire.Coded, b []byte) {
	t.Helper()
	budget.Decode(t, len(b), func() { like.ScanCBOR(b) })
	want := reflect.New(reflect.TypeOf(like).Elem()).Interface().(wire.Message)
	refused := wire.Unmarshal(b, want)
	if got := like.ScanCBOR(b); got != nil && (refused != nil || !reflect.DeepEqual(got, want)) {
		t.Fatalf("%T %x: by hand %+v, by the codec %+v, %v", like, b, got, want, refused)
	}
}

// What an insert and a lookup say is coded by hand as the codec's library does it, byte for byte, and back: also
// where one byte of it is another, or where it ends before its end; and shares no memory with what it was read from.
func TestCodedByHand(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i, m := range inserts() {
		t.Run(fmt.Sprintf("%d %T", i, m), func(t *testing.T) {
			want := wire.MustMarshal(m)
			size := m.SizeCBOR()
			if got := m.AppendCBOR(nil); !bytes.Equal(got, want) || len(got) > size {
				t.Fatalf("%x of at most %d bytes, want %x", got, size, want)
			}
			budget.Decode(t, len(want), func() { m.ScanCBOR(want) })
			read := bytes.Clone(want)
			back := m.ScanCBOR(read)
			clear(read)
			if !reflect.DeepEqual(back, wire.Message(m)) {
				t.Fatalf("read back: %+v", back)
			}
			for range 100 {
				at := rng.IntN(len(want))
				sameAsCodec(t, m, want[:at])
				other := bytes.Clone(want)
				other[at] ^= byte(1 + rng.IntN(255))
				sameAsCodec(t, m, other)
			}
		})
	}
}

// A field that somebody adds to a message is coded by hand, too, or the message is left to
// the codec where it is set.
func TestEveryFieldIsCodedByHand(t *testing.T) {
	for _, m := range inserts() {
		eachField(reflect.ValueOf(m).Elem(), fmt.Sprintf("%T", m), func(name string) {
			if want := wire.MustMarshal(m); m.SizeCBOR() > 0 && !bytes.Equal(m.AppendCBOR(nil), want) {
				t.Errorf("with %s changed it is %x by hand, and %x by the codec", name, m.AppendCBOR(nil), want)
			}
		})
	}
}

// eachField changes each field within v, one after another, and calls f with its name.
func eachField(v reflect.Value, name string, f func(name string)) {
	change := func(x reflect.Value, to any) {
		was := reflect.New(x.Type()).Elem()
		was.Set(x)
		x.Set(reflect.ValueOf(to).Convert(x.Type()))
		f(name)
		x.Set(was)
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachField(v.Field(i), name+"."+v.Type().Field(i).Name, f)
			}
		}
	case reflect.Pointer:
		change(v, reflect.Zero(v.Type()).Interface())
		if v.IsNil() {
			x := reflect.New(v.Type().Elem())
			v.Set(x)
			f(name)
			v.SetZero()
			return
		}
		eachField(v.Elem(), name, f)
	case reflect.Slice:
		for _, x := range []reflect.Value{reflect.Zero(v.Type()), reflect.MakeSlice(v.Type(), 0, 0), reflect.MakeSlice(v.Type(), 1, 1)} {
			change(v, x.Interface())
		}
		if v.Len() > 0 {
			eachField(v.Index(0), name, f)
		}
	case reflect.Array:
		for _, n := range []uint8{0, 1} {
			if was := v.Index(0).Interface(); v.Index(0).Kind() == reflect.Uint8 {
				v.Index(0).SetUint(uint64(n))
				f(name)
				v.Index(0).Set(reflect.ValueOf(was))
			}
		}
	case reflect.Bool:
		change(v, !v.Bool())
	case reflect.Int64:
		for _, n := range []int64{0, 1, -1, 1 << 40} {
			change(v, n)
		}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		for _, n := range []uint64{0, 1, 200} {
			change(v, n)
		}
	}
}
