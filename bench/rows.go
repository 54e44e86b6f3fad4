package main

import "slices"

// rows are all that is measured, in the order of the table.
func rows() []row {
	return slices.Concat(simRows(), linkRows(), storageRows(), topicRows(), doorRows(), moveRows(), fetchRows(), deathRows(), idleRows())
}

// find returns the row of a name.
func find(name string) (*row, bool) {
	all := rows()
	i := slices.IndexFunc(all, func(r row) bool { return r.name == name })
	if i < 0 {
		return nil, false
	}
	return &all[i], true
}
