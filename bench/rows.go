package main

import (
	"slices"

	"github.com/phyllo-net/phyllo/bench/row"
)

// rows are all that is measured, in the order of the table.
func rows() []row.Row {
	return slices.Concat(simRows(), linkRows(), storageRows(), topicRows(), doorRows(), moveRows(), fetchRows(), deathRows(), idleRows())
}

// find returns the row of a name.
func find(name string) (*row.Row, bool) {
	all := rows()
	i := slices.IndexFunc(all, func(r row.Row) bool { return r.Name == name })
	if i < 0 {
		return nil, false
	}
	return &all[i], true
}
