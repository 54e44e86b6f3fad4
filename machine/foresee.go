package machine

import "github.com/phyllo-net/phyllo/prefetch"

// Foresight is the number of steps of Foreseer.Foresee.
const Foresight = 5

// Foreseer is a Machine that can have the memory fetched which an input will touch, while
// others are handled. A driver of many machines knows some inputs before they happen.
type Foreseer interface {
	Machine
	// Foresee is told of an input that is to come soon, for each step from 0 to
	// Foresight-1, each some time after the one before. It changes nothing, as the input may
	// not come after all, or be another then; steps may be left out. in is the driver's: of
	// InMessage it has Kind, From and Msg, which may be encoded, of InTimer Kind and Slot, of
	// others Kind alone.
	Foresee(step int, in *Input)
}

// ForeseeTimer fetches what the kernel touches for an input.
func (k *Kernel) ForeseeTimer(step int, in *Input) {
	switch {
	case step == 1 && len(k.timers) > 0:
		prefetch.Lines(&k.timers[0], 2)
		if in.Kind == InTimer && int(in.Slot) < len(k.timers) {
			prefetch.At(&k.timers[in.Slot])
		}
	case step == 2 && in.Kind == InTimer && int(in.Slot) < len(k.timers):
		if f := k.timers[in.Slot].f; f != nil {
			prefetch.Func(f)
		}
	}
}
