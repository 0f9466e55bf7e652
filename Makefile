# make run: start everything on this machine. make test: all tests. make help: the rest.
# Each target is one of dev.py's, which does the work, also where there is no make: python dev.py run
PYTHON ?= python3
TARGETS := help run message empty test check lint lint-page lint-infra peers screenshots pictures bench soak fuzz cost packages emulators lock clean

.PHONY: $(TARGETS)
$(TARGETS):
	@$(PYTHON) dev.py $@
