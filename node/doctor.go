package node

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/silence"
	"github.com/phyllo-net/phyllo/node/finding"
	"github.com/phyllo-net/phyllo/node/home"
)

// Doctor implements api.Node.
func (f face) Doctor(ctx context.Context) ([]api.Finding, error) {
	n := f.n
	var out []api.Finding
	say := func(about, verdict, format string, args ...any) {
		out = append(out, api.Finding{About: about, Verdict: verdict, Sentence: fmt.Sprintf(format, args...)})
	}
	n.lookAtPorts(say)
	rightClock := n.clock.LookAt(n.member.Certificate(), n.compareClocks(ctx), say)
	n.lookAtDisk(say)
	n.lookAtCertificate(rightClock, say)
	n.lookAtPeers(ctx, say)
	n.lookAtAdmitters(ctx, say)
	n.lookAtBackup(say)
	n.lookAtUsers(say)
	n.lookAtRooms(ctx, say)
	n.doors.LookAt(say)
	n.table.LookAt(say)
	n.storage.LookAtAccounts(ctx, say)
	rank := map[string]int{api.Bad: 0, api.Warn: 1, api.Good: 2}
	slices.SortStableFunc(out, func(a, b api.Finding) int { return rank[a.Verdict] - rank[b.Verdict] })
	return out, ctx.Err()
}

func (n *Node) lookAtPorts(say finding.Say) {
	addrs := n.ownAddrs()
	if len(addrs) == 0 {
		say("ports", api.Bad, "This node has no address at which others could reach it: is the network on? Give one with --listen.")
	} else {
		say("ports", api.Good, "This node listens; others are told %s.", addrs[0])
	}
	switch r := n.reachable(); r.Kind {
	case "public":
		say("NAT", api.Good, "%s", r.Sentence)
	default:
		say("NAT", api.Warn, "%s", r.Sentence)
	}
	if bad := counted(n.carrier).BadInput; len(bad) > 0 {
		var sum uint64
		for _, c := range bad {
			sum += c
		}
		say("ports", api.Warn, "%d connections or messages from outside made no sense and were refused: /metrics says of which kinds.", sum)
	}
}

// Free space of the disk below which it is worth a word, in bytes.
const (
	littleSpace = 1 << 30
	noSpace     = 96 << 20
)

func (n *Node) lookAtDisk(say finding.Say) {
	free, _, err := home.DiskSpace(n.home.Dir)
	switch {
	case err != nil:
		say("disk", api.Warn, "How much room the disk of %s has is not known: %v.", n.home.Dir, err)
	case free < noSpace:
		say("disk", api.Bad, "The disk of %s is full (%d MB left): nothing can be kept. Make room.", n.home.Dir, free>>20)
	case free < littleSpace:
		say("disk", api.Warn, "The disk of %s has only %d MB left: make room soon.", n.home.Dir, free>>20)
	default:
		say("disk", api.Good, "The disk of %s has %d GB free.", n.home.Dir, free>>30)
	}
	if err := n.records.Put([]byte("doctor"), []byte(n.clock.Now().UTC().Format(time.RFC3339))); err != nil {
		say("disk", api.Bad, "Nothing can be kept in %s: %v.", n.home.Path(home.StoreName), err)
	}
}

func (n *Node) lookAtCertificate(rightClock bool, say finding.Say) {
	cert := n.member.Certificate()
	switch {
	case cert == nil:
		say("certificate", api.Bad, "%v.", member.ErrNoRing)
		return
	case !rightClock:
		say("certificate", api.Warn, "Whether this node's certificate is good can be said when the clock is right.")
		return
	}
	if err := n.member.Check(cert); err != nil {
		say("certificate", api.Bad, "This node's certificate is not good: %v. Ask an admitter for an invitation and join again with `phyllo join`.", err)
		return
	}
	now := n.clock.Now()
	left := time.Unix(cert.NotAfter, 0).Sub(now)
	days := int(left.Hours() / 24)
	if now.After(cert.RenewAt().Add(7 * 24 * time.Hour)) {
		say("certificate", api.Warn, "The certificate ends in %d days and could not be renewed for a week: is an admitter on? `phyllo member list` marks them.", days)
		return
	}
	say("certificate", api.Good, "The certificate is good for %d more days and renews itself.", days)
}

func (n *Node) lookAtPeers(ctx context.Context, say finding.Say) {
	v, err := n.View(ctx)
	if err != nil {
		say("peers", api.Bad, "This node has no place in its ring at the moment: %v.", err)
		return
	}
	list, err := n.member.List()
	if err != nil {
		say("peers", api.Warn, "The members cannot be listed: %v.", err)
	}
	others := 0
	for _, m := range list {
		if !m.Self && !m.Expelled {
			others++
		}
	}
	links := n.carrier.Links()
	relayed := 0
	for _, l := range links {
		if l.Relayed {
			relayed++
		}
	}
	switch {
	case !v.Ready:
		say("peers", api.Bad, "This node is still looking for its place in the ring, with %s: are other nodes on, and does a firewall let them through?", finding.Many(len(links), "connection"))
	case others == 0:
		say("peers", api.Good, "This node is the only one of its ring so far: `phyllo invite` makes a line for the next computer.")
	case len(v.Leaf) == 0:
		say("peers", api.Warn, "Of %s that this node knows none can be reached: are they on? It goes on trying.", finding.Many(others, "other member"))
	case relayed > 0:
		say("peers", api.Warn, "%s, %s, %d of them through relays, which is slower: forward this node's port on the router.", finding.Many(len(v.Leaf), "neighbour"), finding.Many(len(links), "connection"), relayed)
	default:
		say("peers", api.Good, "%s on the ring, %s, all direct.", finding.Many(len(v.Leaf), "neighbour"), finding.Many(len(links), "connection"))
	}
	if v.GivenUp > 0 && v.GaveUp < lately {
		say("messages", api.Warn, "%s", aboutGivenUp(v.GivenUp, v.GaveUp))
	}
}

// lately is for how long messages that were given up are worth a word.
const lately = time.Hour

// aboutGivenUp says that so many messages were given up since the start, the last of them that long ago.
func aboutGivenUp(messages uint64, ago time.Duration) string {
	return fmt.Sprintf("%s found no room here since the start, the last of them %s ago, as too many waited, or they for too long, for neighbours or for this node's own place: "+
		"did a computer of the ring stop, or is a link too slow? Programs that wait for an answer try again by themselves; `phyllo status` shows whether this node has its place.",
		finding.Many(int(messages), "message"), ago.Round(time.Second))
}

func (n *Node) lookAtAdmitters(ctx context.Context, say finding.Say) {
	if o, err := n.member.Office(ctx); err == nil {
		_, err := n.member.Authority()
		verdict, sentence := aboutOffice(o, err == nil)
		say("admitters", verdict, "%s", sentence)
		for _, a := range o.Silent {
			verdict, sentence := aboutSilent(a)
			say("admitters", verdict, "%s", sentence)
		}
	}
}

// lookAtBackup warns while the ring of others hangs on one disk: this one's.
func (n *Node) lookAtBackup(say finding.Say) {
	if _, err := n.member.Authority(); err != nil {
		return
	}
	list, err := n.member.List()
	others := slices.ContainsFunc(list, func(m member.Record) bool { return !m.Self && !m.Expelled })
	if err != nil || !others {
		return // what is wrong with the list is said of the peers
	}
	ring, err := n.member.Ring()
	if err != nil {
		return
	}
	if note, err := n.records.Get(backedUp(ring.ID)); err == nil && note == nil {
		say("backup", api.Warn, "This computer knows of no backup of the key that decides who belongs to the ring: if its disk breaks, nobody can change any more who lets others in. `phyllo ring backup FILE` writes one, under a passphrase: keep the file elsewhere.")
	}
}

// aboutOffice says whether anybody can be let in, and for how long, if admitters go. held tells that
// the ring's authority, which alone changes who they are, is on this node.
func aboutOffice(o member.Office, held bool) (verdict, sentence string) {
	const who, gone = "`phyllo member list` marks them", "if that computer never comes back, the authority moves here with `phyllo ring restore FILE`, from the file of `phyllo ring backup`"
	switch {
	case o.Up < o.Needed():
		renewed, expel := "", "put those out that will not come back (`phyllo member expel`)"
		if o.Up == 0 {
			renewed = ", and no certificate renewed,"
		}
		if !held {
			expel = "put those out that will not come back (`phyllo member expel`) on the computer that founded the ring; " + gone
		}
		return api.Bad, fmt.Sprintf("Of %s that may let others in %s: nobody can be let in%s before %d are there. Start them again, or %s; %s.",
			finding.Many(o.All, "node"), answering(o.Up), renewed, o.Needed(), expel, who)
	case o.All == 1:
		return api.Good, "One node lets others in, and it is there."
	case o.Up == o.Needed():
		promote := "make more (`phyllo member promote`)"
		if !held {
			promote = "make more (`phyllo member promote`) on the computer that founded the ring; " + gone
		}
		return api.Warn, fmt.Sprintf("Of %s that may let others in %s, and %d must: if one more goes, nobody can be let in. Start those again that are off, or %s; %s.",
			finding.Many(o.All, "node"), answering(o.Up), o.Needed(), promote, who)
	}
	return api.Good, fmt.Sprintf("Of %s that may let others in %s; %d must.", finding.Many(o.All, "node"), answering(o.Up), o.Needed())
}

// aboutSilent says that an admitter has not answered for long, and what is done about it.
func aboutSilent(a silence.Admitter) (verdict, sentence string) {
	return api.Warn, fmt.Sprintf("Node %s may let others in, and has not answered for %s: others are appointed beside it as far as members are there and willing. "+
		"If it never comes back, put it out with `phyllo member expel %s`.", a.Node.Short(), finding.Many(int(a.For/(24*time.Hour)), "day"), a.Node.Short())
}

// answering says how many answer.
func answering(up int) string {
	switch up {
	case 0:
		return "none answers"
	case 1:
		return "1 answers"
	}
	return strconv.Itoa(up) + " answer"
}

func (n *Node) lookAtUsers(say finding.Say) {
	for _, u := range n.people.All() {
		if u.Trouble != "" {
			say("users", api.Bad, "%s: %s.", u.Name(), u.Trouble)
		}
	}
}

// lookAtRooms tells of rooms of which storage could not be asked, or does not take what belongs there.
func (n *Node) lookAtRooms(ctx context.Context, say finding.Say) {
	var list []api.Room
	for _, u := range n.people.All() {
		his, err := n.face().RoomList(ctx, u.Name())
		if err != nil {
			continue // what is wrong with a user is said of the users
		}
		list = append(list, his...)
	}
	sayStorageTrouble(list, say)
}

// sayStorageTrouble says each reason once, and of which rooms it is one.
func sayStorageTrouble(list []api.Room, say finding.Say) {
	var whys []string
	of := map[string][]string{}
	for _, r := range list {
		why, name := strings.TrimSuffix(r.StorageTrouble, "."), strconv.QuoteToASCII(r.Name)
		if why == "" {
			continue
		}
		if of[why] == nil {
			whys = append(whys, why)
		}
		of[why] = append(of[why], name)
	}
	for _, why := range whys {
		names := of[why]
		if more := len(names) - finding.Most; more > 0 {
			names = append(names[:finding.Most], fmt.Sprintf("%d more", more))
		}
		say("rooms", api.Warn, "The ring's storage could not be asked, or did not take all that belongs there, for %s: %s. It is tried again where that helps.", strings.Join(names, ", "), why)
	}
}
