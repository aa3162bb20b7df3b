# `make up` starts Parley, `make test` checks it: on a machine with Python 3.11 or newer, make and a package index.
# The work is done by platform/embedded/bootstrap.py.

.DEFAULT_GOAL := help
.PHONY: up test dev lint format lock weights bench compile clean help

# The first Python that really runs and is new enough; PYTHON=… names another.
BOOTSTRAP = @for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			exec "$$python" platform/embedded/bootstrap.py $@; \
		fi; \
	done; \
	echo "Parley needs Python 3.11 or newer, and found none. Install it, or name it: make $@ PYTHON=/path/to/python3.11" >&2; \
	exit 1

up:       ## install, build, start everything; Ctrl-C stops it
	$(BOOTSTRAP)

test:     ## linters, types, import contracts and every test, the browser's included
	$(BOOTSTRAP)

dev:      ## like up, with the test tools, and the front end built again at each change
	$(BOOTSTRAP)

lint:     ## the linters, types and import contracts only
	$(BOOTSTRAP)

format:   ## format the Python code
	$(BOOTSTRAP)

lock:     ## compile requirements/*.txt from pyproject.toml, with hashes
	$(BOOTSTRAP)

weights:  ## fetch the models' weights
	$(BOOTSTRAP)

bench:    ## measure the engine and, while make up runs, what callers wait for
	$(BOOTSTRAP)

compile:  ## make telephone calls cheaper with a C compiler, where many are held at once
	$(BOOTSTRAP)

clean:    ## remove what was installed and built; your data stay in .local
	$(BOOTSTRAP)

help:     ## this list
	@sed -n 's/^\([a-z]*\): *## */\1	/p' Makefile | awk -F '\t' '{ printf "make %-9s %s\n", $$1, $$2 }'
