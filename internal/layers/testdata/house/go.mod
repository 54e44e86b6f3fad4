module fixture.test/house

go 1.26

require other.test/lib v0.0.0

replace other.test/lib => ../lib
