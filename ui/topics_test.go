package ui_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/browser"
)

// The node's topics are those of a fake; their tree is made of the nodes of the picture.

func (n *node) TopicList(ctx context.Context) ([]api.Topic, error) { return n.shelf.TopicList(ctx) }

func (n *node) TopicSet(ctx context.Context, q api.TopicRules) (*api.Topic, error) {
	return n.shelf.TopicSet(ctx, q)
}

func (n *node) Publish(ctx context.Context, q api.Publication, r io.Reader) (*api.Published, error) {
	return n.shelf.Publish(ctx, q, r)
}

func (n *node) Subscribe(ctx context.Context, q api.Subscription, f func(*api.TopicEvent) error) error {
	return n.shelf.Subscribe(ctx, q, f)
}

func (n *node) WorkOffer(ctx context.Context, q api.WorkOffering, r io.Reader, f func(*api.WorkEvent) error) error {
	return n.shelf.WorkOffer(ctx, q, r, f)
}

func (n *node) WorkList(ctx context.Context) ([]api.WorkItem, error) { return n.shelf.WorkList(ctx) }

func (n *node) WorkSurvey(ctx context.Context, q api.WorkQuery) (*api.WorkSurvey, error) {
	q.Topic = "thumbnails" // of which other nodes offer items
	return n.shelf.WorkSurvey(ctx, q)
}

func (n *node) WorkWithdraw(ctx context.Context, q api.WorkWithdrawal) (*api.Withdrawn, error) {
	return n.shelf.WorkWithdraw(ctx, q)
}

// TopicTree gives a tree with the last living node as its root.
func (n *node) TopicTree(ctx context.Context, name string) (*api.TopicTree, error) {
	if _, err := n.shelf.TopicTree(ctx, name); err != nil {
		return nil, err
	}
	defer n.lock()()
	tree := &api.TopicTree{Topic: name}
	var root id.ID
	for _, x := range n.picture.Nodes {
		if !x.Dead {
			root = x.ID
		}
	}
	tree.Nodes = append(tree.Nodes, api.TopicPlace{Node: root, Self: root == n.status.ID})
	for _, x := range n.picture.Nodes {
		if !x.Dead && x.ID != root && (len(x.Users) > 0 || x.ID == n.status.ID) {
			tree.Nodes = append(tree.Nodes, api.TopicPlace{Node: x.ID, Parent: root, Depth: 1, Reads: true, Self: x.ID == n.status.ID})
			tree.Nodes[0].Children++
		}
	}
	return tree, nil
}

// publish has somebody publish elsewhere.
func (n *node) publish(t *testing.T, topic, user, text string) {
	t.Helper()
	if _, err := n.shelf.Publish(t.Context(), api.Publication{Topic: topic, User: user}, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

// testTopics: a topic is opened before it is there, what is published is read as it comes, with its
// history and with gaps where they are; who may not is told so; rules are set.
func testTopics(t *testing.T, b *browser.Browser) {
	v := &village{}
	n := v.newNode(t, "ann")
	n.contacts["ann"] = []api.Contact{{Name: "bob", Key: print24("bob"), Added: true}}
	desk := enter(t, b, n, "topics", browser.Desktop)
	shows(desk, "#rooms-empty", "No rooms yet") // what comes late moves no button any more
	shows(desk, "#topics-empty", "no topic")
	desk.Click("#open-topic")
	desk.Type("#topic-ask-text", "two words")
	desk.Press("Enter")
	shows(desk, "#topic-ask-error", "Not a topic's name")
	hides(desk, "#topic-open")
	shows(desk, "#topics-empty", "no topic")
	desk.Eval(`void (document.querySelector("#topic-ask-text").value = "")`, nil)
	desk.Type("#topic-ask-text", "news")
	desk.Press("Enter")
	shows(desk, "#topic-waits", "no such topic yet")
	desk.Type("#topic-text", "beans <b>are</b> ripe")
	desk.Press("Enter")
	shows(desk, "#topic-lines li:last-child .text", "beans <b>are</b> ripe")
	shows(desk, "#topic-lines li:last-child .who", "ann")
	shows(desk, "#topic-words", "Published by all, read by all; the last 1000 are kept, for 24 hours")
	n.publish(t, "news", "bob", "\xff\x01")
	shows(desk, "#topic-lines li:last-child .text", "2 bytes that are no text")
	shows(desk, "#topics-list .last", "2 messages")

	desk.Click("#topic-set")
	desk.Eval(`void (document.querySelector("#topic-publish").value = "")`, nil)
	desk.Type("#topic-publish", "bob, carol")
	desk.Press("Enter")
	shows(desk, "#topic-words", "Published by its owner and 2 more, read by all")
	hides(desk, "#topic-rules")
	desk.Eval(`void document.querySelector("#topics").scrollIntoView()`, nil)
	desk.Screenshot("news")
	testWork(t, n, desk)

	phone := enter(t, b, n, "topics-phone", browser.Phone)
	for i := range 130 {
		n.publish(t, "holey", "bob", "line "+strings.Repeat("x", i%7))
	}
	view(phone, "topics")
	phone.Click("#open-topic")
	phone.Type("#topic-ask-text", "holey")
	phone.Press("Enter")
	phone.WaitFor(`document.querySelectorAll("#topic-lines li").length == 100`, soon)
	phone.Click("#topic-older")
	phone.WaitFor(`document.querySelectorAll("#topic-lines li").length == 131`, soon)
	shows(phone, "#topic-lines .gap", "3 messages lost: nobody keeps them any more")
	hides(phone, "#topic-older")
	phone.Click("#topic-tree summary")
	shows(phone, "#topic-tree-sum", "1 node, 0 readers")
	phone.Screenshot("holey")
	phone.Click("#topic-back")
	phone.Click("#open-topic")
	phone.Type("#topic-ask-text", "closed")
	phone.Press("Enter")
	shows(phone, "#topic-trouble", "does not allow it")
	phone.Click("#topic-back")
	phone.Screenshot("list")
}

// testWork: items are offered to a topic, what becomes of them is seen, and those that wait are
// withdrawn.
func testWork(t *testing.T, n *node, p *browser.Page) {
	err := n.shelf.WorkOffer(t.Context(), api.WorkOffering{Topic: "news", Leave: true}, strings.NewReader("one.png\ntwo.png"), func(*api.WorkEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	p.Click("#topic-work summary")
	shows(p, "#work-items", "waits for a taker")
	p.Type("#work-text", "<b>cat</b>.png")
	p.Press("Enter")
	shows(p, "#work-items [data-state=done] .text", "<b>cat</b>.png")
	shows(p, "#work-items [data-state=done] .quiet", "done by node ")
	p.WaitFor(`document.querySelector("#work-text").value == ""`, soon)
	p.Type("#work-text", "bad.png")
	p.Press("Enter")
	shows(p, "#work-items [data-state=failed] .quiet", "failed · exit status 1")
	p.Eval(`void document.querySelector("#topics").scrollIntoView()`, nil)
	shows(p, "#work-items [data-state=taken]", "owl.png")
	shows(p, "#work-items [data-state=taken] .quiet", "offered by node")
	shows(p, "#work-others", "2 nodes offer items, of which 1 answered: what the others have is not shown. 3 more items not shown. More nodes offer items than are remembered: these were not asked.")
	p.Screenshot("work")
	p.Click("#work-items [data-state=queued] button")
	p.WaitFor(`document.querySelectorAll("#work-items [data-state=queued]").length == 1`, soon)
	hides(p, "#work-withdraw")
}

// testForwarderDies: the page shows who hands a topic on, kills such a node of a demo while lines
// are published, and says that none is lost and when the tree was whole.
func testForwarderDies(t *testing.T, b *browser.Browser) {
	v := &village{}
	d := v.newDemo(t, 16, "ann", "bob", "carol")
	d.publish(t, "news", "bob", "before")
	p := enter(t, b, d, "forwarder", browser.Desktop)
	shows(p, "#rooms-empty", "No rooms yet")
	p.Click(`.person[data-topic="news"]`)
	shows(p, "#topic-tree-sum", "4 nodes, 3 readers")
	shows(p, "#topic-nodes", "carol")
	p.Click("#topic-kill")
	shows(p, "#topic-killed", "is being mended")
	p.WaitFor(`document.querySelectorAll("#picture .node.dead").length == 1`, soon)
	d.publish(t, "news", "bob", "after")
	shows(p, "#topic-killed", "and no line is lost")
	shows(p, "#topic-lines li:last-child .text", "after")
	p.WaitFor(`!document.querySelector("#topic-kill").disabled`, soon)
	// Where the node of this page hands it on alone, there is none to kill, and the page says why.
	for _, x := range d.picture.Nodes {
		if x.ID != d.status.ID && !x.Dead {
			if err := d.Kill(t.Context(), x.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	shows(p, "#topic-killed", "there is none to kill")
	p.Eval(`void document.querySelector("#topics").scrollIntoView()`, nil)
	p.Screenshot("mended")
}
