module fixture.test/run

go 1.26
