package im

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// Directory finds people by name; directory.Directory is the real one.
type Directory interface {
	// Lookup returns the record that a majority of the name's holders gave, or an
	// error of package directory.
	Lookup(t *task.T, name directory.Name) (directory.Found, error)
}

// personName is the normal form of a person's name.
func personName(typed string) (string, error) {
	n, err := directory.ParseName(typed)
	if err != nil {
		return "", err
	}
	if n.Kind() != directory.Person {
		return "", fmt.Errorf("%w: %s is the name of a room or a topic, not of a person", directory.ErrName, n)
	}
	return string(n), nil
}

// shortLookup is lookup for those who cannot wait until the directory gives up.
func (m *IM) shortLookup(t *task.T, name string, patience time.Duration) (books.Card, error) {
	return task.Await(t, patience, func(resolve func(books.Card, error)) {
		m.ep.Go(func(t *task.T) error {
			resolve(m.lookup(t, name))
			return nil
		}, nil)
	})
}

// lookup asks the directory for a name.
func (m *IM) lookup(t *task.T, name string) (books.Card, error) {
	found, err := m.deps.Directory.Lookup(t, directory.Name(name))
	if err != nil {
		return books.Card{}, err
	}
	r := found.Record
	c := books.Card{Identity: r.Identity, SealKey: r.SealKey, Number: r.SealNumber, Version: r.Version, Devices: make([]id.ID, 0, len(r.Devices))}
	for _, d := range r.Devices {
		c.Devices = append(c.Devices, d.Node)
	}
	return c, nil
}

// noSuchName reports whether the directory's answer is final: to ask again later
// is no use.
func noSuchName(err error) bool {
	return errors.Is(err, directory.ErrNotFound) || errors.Is(err, directory.ErrName)
}
