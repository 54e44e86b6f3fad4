package command

import (
	"strings"
	"testing"
)

// The name of somebody and that of a room of theirs are each as long as they may be, in one argument.
func TestRoomToJoin(t *testing.T) {
	long := strings.Repeat("ж", 64) // 128 bytes
	for s, good := range map[string]bool{
		"garden": true, "ann/square": true, "#ann/square": true,
		long: true, long + "ж": false,
		"ann/" + long: true, "ann/" + long + "ж": false,
		"": false,
	} {
		if err := RoomToJoin(s); (err == nil) != good {
			t.Errorf("%q: %v, good is %v", s, err, good)
		}
	}
}
