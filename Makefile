# Sets up what is missing, then does it. Each target is a script, to be read and run by itself too.
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench soak vmlab neo4j fuzz audit

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## a network in this machine, every fault once, what an operator sees (KEEP=1 leaves it running, NEO4J=1 mirrors it)
	@KEEP="$(KEEP)" NEO4J="$(NEO4J)" SITES="$(SITES)" SWITCHES="$(SWITCHES)" HOSTS="$(HOSTS)" scripts/demo

test: ## everything that can be shown here, real processes included; at most 25 minutes on two cores
	@scripts/test

lint: ## formatting, clippy, documentation: no warning, no broken link
	@scripts/lint

bench: ## the figures, in release; writes docs/measured/
	@scripts/bench

soak: ## the long ones: default timing, ten quiet minutes, 200 kills under load, ten million inputs a fuzz target
	@scripts/soak

vmlab: ## the lab of bonds, LACP and VLANs, in a kernel that has them under QEMU; writes docs/measured/
	@scripts/vmlab

neo4j: ## a real Neo4j 5 Community on loopback (PORT=7687), to try the mirror with; Ctrl-C ends it
	@PORT="$(PORT)" FOLDER="$(FOLDER)" scripts/neo4j

fuzz: ## inputs nobody has seen, and laws with ever new seeds, for FUZZ_MINUTES=10
	@FUZZ_MINUTES="$(or $(FUZZ_MINUTES),10)" scripts/fuzz

audit: ## licences, sources and duplicates of the dependencies
	@scripts/audit
