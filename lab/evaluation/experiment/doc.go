// Package experiment is what experiments have in common: the choices of a run, and the
// values that it finds, beside the figure that was published and the goal that phyllo set
// itself. It knows no experiment and no ring.
//
// Where to read what:
//
//	experiment.go  what an experiment is, and a run of one
//	value.go       values, goals, verdicts
//	rate.go        rates of rare events, with what a sample can show
//	network.go     topologies by name
//	page.go        tables and JSON
//	plot.go        pictures
package experiment
