package main

// side returns what was measured of a side.
func (r *TopicRun) side(name string) *TopicSide {
	for _, s := range r.Sides {
		if s.Side == name {
			return s
		}
	}
	return new(TopicSide)
}

// goals returns all goals with what the run has to say of them.
func (r *TopicRun) goals() []Goal {
	own, rival := r.side(phyllo), r.side(gossipSub)
	return []Goal{
		{What: "bytes on streams for each byte delivered", Value: own.Streamed, Limit: 1.2, AtMost: true, Unit: "×"},
		{What: "bytes on the device for each byte delivered", Value: own.Bytes, Limit: 1.2, AtMost: true, Unit: "×"},
		{What: "median delay: gossipsub / phyllo", Value: rival.Median / own.Median, Limit: 5, Unit: "×"},
		{What: "highest rate without loss: phyllo / gossipsub", Value: own.Held / rival.floorRate(), Limit: 5, Unit: "×"},
	}
}

// floorRate is the rate with which another is compared: the highest that was held, or the
// lowest that was tried, with which the rival's share is not made larger than it is.
func (s *TopicSide) floorRate() float64 {
	if s.Held == 0 && len(s.Rungs) > 0 {
		return s.Rungs[0].Rate
	}
	return s.Held
}
