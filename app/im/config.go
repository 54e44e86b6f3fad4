package im

import (
	"errors"
	"fmt"
	"time"
)

// Config holds the settings of the room. Start from Default.
type Config struct {
	// RetryFirst is the wait after the first failed attempt to reach a device,
	// doubled with each further one. 100 ms to 1 min.
	RetryFirst time.Duration
	// RetryMost caps the wait while the oldest waiting message is younger than a
	// day; after a day the cap is 8 times, after a week 48 times as long.
	// RetryFirst to 10 min. With up to 40 s, a message comes within 60 s after
	// its receiver is back.
	RetryMost time.Duration
	// PushTimeout bounds one handing-over of letters. 1 s to 2 min.
	PushTimeout time.Duration
	// RefreshGap is the shortest time between two readings of one name's record
	// that nobody waits for. 1 s to 1 h.
	RefreshGap time.Duration
	// KeepForDevices is how long a message that one of the receiver's devices has
	// is kept for those that do not have it yet. An hour to a year.
	KeepForDevices time.Duration
	// MaxQueued is the largest number of messages of one user in the outbox.
	// 1 to 1,000,000.
	MaxQueued int
	// MaxCarriers is how many devices letters are carried to at a time. 1 to 1,000.
	MaxCarriers int
	// MaxIntake is how many pushes are taken in at a time; at most 4 of these
	// from one node. 1 to 1,000.
	MaxIntake int
	// MaxContacts is the largest number of people that a user may know. 1 to 100,000.
	MaxContacts int

	// MaxRequests is how many strangers may wait for one user's answer. 1 to 1,000.
	MaxRequests int
	// MaxWaiting is how many messages of one stranger wait with his request. 1 to 1,000.
	MaxWaiting int
	// RequestGap is the time before a stranger who was declined may ask again.
	// A minute to 90 days.
	RequestGap time.Duration
	// RequestsPerHour is how many new requests are taken from one node, and from
	// one identity, in an hour. 1 to 10,000.
	RequestsPerHour int

	// PingEvery is the time between two questions whether a contact is there.
	// 1 s to 20 s: with 20 s a dead one is shown so within 60 s.
	PingEvery time.Duration
	// PingTimeout bounds one such question. 500 ms to 15 s.
	PingTimeout time.Duration
	// MaxPinged is the largest number of devices that one user's contacts are asked on.
	// 0 to 10,000.
	MaxPinged int
}

// Default returns the settings that a node has if nobody says otherwise.
func Default() Config {
	return Config{
		RetryFirst:     2 * time.Second,
		RetryMost:      40 * time.Second,
		PushTimeout:    30 * time.Second,
		RefreshGap:     time.Minute,
		KeepForDevices: 30 * 24 * time.Hour,
		MaxQueued:      10_000,
		MaxCarriers:    32,
		MaxIntake:      32,
		MaxContacts:    5_000,

		MaxRequests:     20,
		MaxWaiting:      20,
		RequestGap:      24 * time.Hour,
		RequestsPerHour: 20,

		PingEvery:   20 * time.Second,
		PingTimeout: 10 * time.Second,
		MaxPinged:   200,
	}
}

// Validate returns all that is wrong with the settings, or nil.
func (c Config) Validate() error {
	var errs []error
	within := func(name string, v, lo, hi time.Duration) {
		if v < lo || v > hi {
			errs = append(errs, fmt.Errorf("im: %s is %v, want %v to %v", name, v, lo, hi))
		}
	}
	count := func(name string, v, lo, hi int) {
		if v < lo || v > hi {
			errs = append(errs, fmt.Errorf("im: %s is %d, want %d to %d", name, v, lo, hi))
		}
	}
	day := 24 * time.Hour
	within("RetryFirst", c.RetryFirst, 100*time.Millisecond, time.Minute)
	within("RetryMost", c.RetryMost, c.RetryFirst, 10*time.Minute)
	within("PushTimeout", c.PushTimeout, time.Second, 2*time.Minute)
	within("RefreshGap", c.RefreshGap, time.Second, time.Hour)
	within("KeepForDevices", c.KeepForDevices, time.Hour, 365*day)
	within("RequestGap", c.RequestGap, time.Minute, 90*day)
	within("PingEvery", c.PingEvery, time.Second, 20*time.Second)
	within("PingTimeout", c.PingTimeout, 500*time.Millisecond, 15*time.Second)
	count("MaxQueued", c.MaxQueued, 1, 1_000_000)
	count("MaxCarriers", c.MaxCarriers, 1, 1_000)
	count("MaxIntake", c.MaxIntake, 1, 1_000)
	count("MaxContacts", c.MaxContacts, 1, 100_000)
	count("MaxRequests", c.MaxRequests, 1, 1_000)
	count("MaxWaiting", c.MaxWaiting, 1, 1_000)
	count("RequestsPerHour", c.RequestsPerHour, 1, 10_000)
	count("MaxPinged", c.MaxPinged, 0, 10_000)
	return errors.Join(errs...)
}
