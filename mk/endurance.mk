# What takes longer than everybody waits for each day; the crash ring has a short form of each.
#   make fault-test              each call on files of the queue and of mailboxes fails once
#   make kill-test KILLS=1000    SIGKILL to any process under load
#   make hostile-test HOSTILE=5000 IDLE=10000   so many hostile clients, and connections that do nothing, beside 20 honest ones
#   make soak HOURS=2            mixed traffic with reloads, restarts and kills; figures once a minute
KILLS   ?= 1000
HOSTILE ?= 5000
IDLE    ?= 10000
HOURS   ?= 2

.PHONY: fault-test kill-test hostile-test soak
fault-test: all
	RELAIS_TEST_FAULTS=all RELAIS_TEST_BUILD=$(BUILD) tests/run --no-unit crash/faults crash/mailbox_faults

kill-test: all
	RELAIS_TEST_KILLS=$(KILLS) RELAIS_TEST_BUILD=$(BUILD) tests/run --no-unit --keep crash/kill_everything

hostile-test: all
	RELAIS_TEST_HOSTILE=$(HOSTILE) RELAIS_TEST_IDLE=$(IDLE) RELAIS_TEST_BUILD=$(BUILD) tests/run --no-unit --keep crash/hostile_clients

soak: all
	RELAIS_TEST_HOURS=$(HOURS) RELAIS_TEST_BUILD=$(BUILD) tests/run --no-unit --keep crash/soak
