# phyllo: what can be made. "make" alone lists it.

# How many seeds "make soak" runs, and how long its ring of processes works.
SEEDS ?= 2000
SOAK_MINUTES ?= 30
# For the measurements: -quick, -run REGEXP.
BENCHFLAGS ?=
# Quicker, or some floods only: SIEGEFLAGS='-calm 5s -for 5s garbage replays'.
SIEGEFLAGS ?=
# A share of the usual sizes, or some experiments only: FIGURESFLAGS='--scale 0.1 hops join'.
FIGURESFLAGS ?=
# For the comparison: -nodes 16 -transport tcp.
RIVALSFLAGS ?=
# For the test runner; -strict as in .ci/run.
TESTFLAGS ?=
# Rooms of one goroutine, as a test of internal/layers sees to, the checks of the whole code, faults of disks, and a large ring of
# real nodes. The race detector would make their tests eight times as long, and has nothing to find in them: only those of disks
# and rings run under it, too.
FULL = ./lab ./lab/evaluation/... ./pastry/... ./app/... ./sim ./sim/topo ./sim/standin ./bench/ring ./internal/layers ./store/disk

.DEFAULT_GOAL := help
.PHONY: help build cross package reproducible test deps demo bench rivals soak picture lint

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/phyllo, one static binary
	CGO_ENABLED=0 go build -trimpath -o bin/phyllo ./cmd/phyllo

cross: ## build the program for Linux, macOS and Windows, amd64 and arm64, to see that it can be
	go run ./internal/release -binaries

package: ## make dist/: archives for all systems, Debian packages, container file systems, SHA256SUMS; and try them
	go run ./internal/release -check

reproducible: ## build a release for this system twice, in two folders with two caches, and compare
	./scripts/reproducible

# The tests of nodes begin first, as they take longest, and mostly wait while others compute.
test: ## run all tests; needs Go only, and says which tests need more
	@echo "first without the race detector: $(FULL); then the others under it"
	go test -count=1 -vet=off -run '^TestMemory$$' ./transport/libp2p
	cd bench/rivals && go test -vet=off ./...
	go run ./internal/testrun $(TESTFLAGS) -plain "$(FULL)" ./node ./store/disk ./bench/ring ./...

deps: ## install what the tests need besides Go; says first what
	./scripts/deps

demo: ## a ring of real nodes in one process, to look at
	go run ./cmd/phyllo demo

bench: ## measure what is promised, 25 minutes: a table, docs/figures.md, docs/figures.json (quicker: BENCHFLAGS=-quick)
	go run ./bench -page docs/figures.md -json docs/figures.json $(BENCHFLAGS)

.PHONY: siege
siege: ## flood five real nodes in eight ways, 10 minutes: a table, docs/siege.md
	go run ./internal/siege -o docs/siege.md $(SIEGEFLAGS)

.PHONY: fuzz
fuzz: ## run each fuzz target for a minute (FUZZTIME=60s)
	./scripts/fuzz

.PHONY: mutants
mutants: ## break the overlay on purpose, in one way after another: storms must find each out; prints the seed that did
	go run ./internal/mutants

.PHONY: figures
figures: ## reproduce the papers' figures in simulation, 30 minutes: docs/evaluation/ (quicker: FIGURESFLAGS='--scale 0.2')
	go run ./cmd/phyllolab figures --out docs/evaluation $(FIGURESFLAGS)

.PHONY: puts
puts: ## put 10,000 files through three simulated nodes at once, and names under faults over 200 seeds: all must be there, in an order that can be
	PHYLLO_PUTS=10000 PHYLLO_SEEDS=200 go test -count=1 -timeout 0 -run '^(TestManyPuts|TestNames)$$' -v ./app/space

rivals: ## measure phyllo beside go-libp2p-kad-dht and gossipsub, 21 minutes (6: RIVALSFLAGS="-only topics"): tables, docs/rivals.md, docs/rivals.json
	cd bench/rivals && go run . -page ../../docs/rivals.md -json ../../docs/rivals.json $(RIVALSFLAGS)

soak: ## 20 real processes for half an hour with kills (SOAK_MINUTES=30): docs/soak.md; a thousand connects and kills, storms with many more seeds (SEEDS=2000), and a quarter as many whose nodes keep files, a ring of 10,000 nodes, many deaths, 10,000 half-open connections, a process stopped for a minute, a crash and a fault at every system call of 200 lists of operations on blobs
	go run ./internal/soak -for $(SOAK_MINUTES)m -o docs/soak.md
	PHYLLO_CYCLES=1000 go test -count=1 -run '^TestNothingLeaks' -v ./transport/libp2p ./node
	PHYLLO_SEEDS=$(SEEDS) go test -count=1 -timeout 0 -run 'Storm' -v ./lab/...
	go run ./cmd/phyllolab storm --storage --nodes 14 --quick --seeds 1..$$(( $(SEEDS) / 4 ))
	PHYLLO_RING=10000 go test -count=1 -timeout 0 -run '^TestHopsAndJoins$$' -v ./pastry
	PHYLLO_KILLS=100 go test -count=1 -timeout 0 -run '^TestDeaths$$' -v ./lab
	PHYLLO_STOPPED=60s go test -count=1 -run '^TestStoppedProcess$$' -v ./node
	PHYLLO_HALF_OPEN=10000 go test -count=1 -run '^TestHalfOpen$$' -v ./transport/libp2p
	PHYLLO_LISTS=200 go test -count=1 -timeout 0 -run '^TestLists' -v ./store/disk

picture: ## draw docs/rooms.svg from the code
	go run ./internal/layers/picture -o docs/rooms.svg

lint: ## gofmt, go vet, staticcheck, and the picture of the house
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	staticcheck=$$(go tool -n staticcheck) && cd bench/rivals && go vet ./... && $$staticcheck ./...
	go test -count=1 ./internal/layers/...
