package store

// OutlinerAt returns an Outliner that has seen so many bytes.
func OutlinerAt(size int64) *Outliner { return &Outliner{outline: Outline{Size: size}} }
