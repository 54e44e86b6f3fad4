// Package evaluation reproduces the figures of the papers with the real protocol
// code in simulation. Each Experiment builds its rings, measures, and reports
// values beside the figure that was published and the goal that phyllo set itself.
//
// Those of the overlay are here, one in each file, under its name; all.go lists them with
// those of storage and of groups.
package evaluation
