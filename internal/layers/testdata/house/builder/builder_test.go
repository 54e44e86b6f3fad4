package builder_test

import (
	"fixture.test/house/arrows"
	"fixture.test/house/edge"
)

var _ = edge.Key(nil)
var _ = arrows.One
