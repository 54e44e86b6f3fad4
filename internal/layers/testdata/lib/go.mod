module other.test/lib

go 1.26
