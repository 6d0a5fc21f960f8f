# The rules of the build, included by the generated Makefile, which sets the values they use.
#
# Every .cpp under src/core, src/event and src/modules is part of the server, found anew at each run; tests likewise.
# Objects live under $(OBJS) by the path of their source and depend on their headers and on the flags used.

.SUFFIXES:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

.PHONY: all
all: $(OBJS)/server $(SERVER)

ifneq ($(CURDIR),$(SOURCE_DIR))
$(error run make in $(SOURCE_DIR): make -f $(MAKEFILE))
endif

# ---- sources -------------------------------------------------------------------------------------------------------

find_cpp = $(sort $(shell find $(1) -name '*.cpp' 2> /dev/null))

SOURCES := $(filter-out $(OFF_PATHS),$(call find_cpp,src/core src/event src/modules))
# Tests of what is left out are left out, too: tests/unit mirrors src.
OFF_UNIT_PATHS := $(patsubst src/%.cpp,tests/unit/%_test.cpp,$(filter %.cpp,$(OFF_PATHS))) \
    $(patsubst src/%,tests/unit/%,$(filter-out %.cpp,$(OFF_PATHS)))
UNIT_SOURCES := $(filter-out $(OFF_UNIT_PATHS),$(call find_cpp,tests/unit))
INTEGRATION_SOURCES := $(call find_cpp,tests/integration) $(call find_cpp,tests/browser)
SUPPORT_SOURCES := $(call find_cpp,tests/support)
FUZZ_SOURCES := $(call find_cpp,tests/fuzz)
BENCH_CLIENT_SOURCES := $(call find_cpp,tests/bench/client)

# An added module's sources are named by their absolute path; their objects stand under added/.
object = $(patsubst %.cpp,$(OBJS)/%.o,$(patsubst /%,added/%,$(1)))

OBJECTS := $(call object,$(SOURCES) $(ADDED_SOURCES)) $(OBJS)/modules.o
MAIN_OBJECT := $(OBJS)/src/main.o
UNIT_OBJECTS := $(call object,$(UNIT_SOURCES) $(SUPPORT_SOURCES))
INTEGRATION_OBJECTS := $(call object,$(INTEGRATION_SOURCES) $(SUPPORT_SOURCES))
BENCH_CLIENT_OBJECTS := $(call object,$(BENCH_CLIENT_SOURCES))
BURN_OBJECTS := $(OBJS)/bench/modules.o $(OBJS)/tests/modules/burn/burn.o
ASKS_OBJECTS := $(OBJS)/asks/modules.o $(OBJS)/tests/modules/asks/asks.o
FUZZ_PROGRAMS := $(patsubst tests/fuzz/%.cpp,$(OBJS)/fuzz_%,$(FUZZ_SOURCES))

# ---- flags ---------------------------------------------------------------------------------------------------------

COMMON_FLAGS = -std=c++20 $(WARNINGS) $(DEFINES) -I$(OBJS) -Isrc -I. $(INSTRUMENT) $(CC_OPT)
CXXFLAGS = $(OPTIMISE) -Wconversion $(COMMON_FLAGS)
TEST_CXXFLAGS = $(TEST_OPTIMISE) $(COMMON_FLAGS)
LDFLAGS = $(INSTRUMENT) $(LD_OPT)

# Rewritten only when the flags change, so that objects are rebuilt exactly then.
$(OBJS)/flags: FORCE
	@mkdir -p $(OBJS)
	@printf '%s\n' '$(subst ','\'',$(CXX) $(CXXFLAGS) $(TEST_OPTIMISE) precompiled: $(PRECOMPILED))' > $@.new
	@if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; fi
FORCE:

# The programs depend on this list, so that a source that was removed leaves them, too.
$(OBJS)/sources: FORCE
	@mkdir -p $(OBJS)
	@printf '%s\n' '$(SOURCES) $(ADDED_SOURCES) $(UNIT_SOURCES) $(INTEGRATION_SOURCES) $(SUPPORT_SOURCES)' > $@.new
	@if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; fi

# configure runs again by itself when it or a file it reads has changed.
CONFIGURE_FILES := $(addprefix auto/,functions options packages compiler features selection config_header make modules)
$(MAKEFILE) $(OBJS)/modules.selected &: configure $(CONFIGURE_FILES)
	./configure $(CONFIGURE_ARGS)
	@touch $(MAKEFILE) $(OBJS)/modules.selected

# ---- compiling and linking -----------------------------------------------------------------------------------------

define compile
@mkdir -p $(@D)
@echo '  CXX $<'
@$(CXX) $(1) -MMD -MP -c -o $@ $<
endef

# auto/precompiled.hpp, compiled with the flags of the server and with those of the tests: a compiler takes it only
# for the same flags. Both families find it by the name of the header that is included first.
ifeq ($(PRECOMPILED),yes)
PRECOMPILED_NAME := precompiled.hpp.$(if $(filter clang,$(FAMILY)),pch,gch)
SERVER_PRECOMPILED := $(OBJS)/precompiled/server/$(PRECOMPILED_NAME)
TEST_PRECOMPILED := $(OBJS)/precompiled/tests/$(PRECOMPILED_NAME)
WITH_SERVER_PRECOMPILED := -include $(OBJS)/precompiled/server/precompiled.hpp
WITH_TEST_PRECOMPILED := -include $(OBJS)/precompiled/tests/precompiled.hpp

define precompile
@mkdir -p $(@D)
@echo '  CXX $< for the $(notdir $(@D))'
@{ cat $<; printf '%s\n' $(2); } > $(@D)/precompiled.hpp
@$(CXX) $(1) -MD -MP -MF $(@D)/precompiled.d -MT $@ -x c++-header -o $@ $(@D)/precompiled.hpp
endef
-include $(OBJS)/precompiled/server/precompiled.d $(OBJS)/precompiled/tests/precompiled.d

$(SERVER_PRECOMPILED): auto/precompiled.hpp $(OBJS)/flags
	$(call precompile,$(CXXFLAGS))

$(TEST_PRECOMPILED): auto/precompiled.hpp $(OBJS)/flags
	$(call precompile,$(TEST_CXXFLAGS),'#include <gtest/gtest.h>')
endif

# A response file keeps the command short however many objects there are.
define link
@echo '  LINK $@'
$(shell mkdir -p $(@D))$(file > $@.objects,$(filter %.o,$^))
@$(CXX) $(LDFLAGS) -o $@ @$@.objects $(1) $(LIBS)
endef

$(OBJS)/modules.cpp: FORCE auto/module_table $(OBJS)/modules.selected
	@auto/module_table $(OBJS)/modules.selected $@

$(OBJS)/modules.o: $(OBJS)/modules.cpp $(OBJS)/flags
	$(call compile,$(CXXFLAGS))

$(OBJS)/src/%.o: src/%.cpp $(OBJS)/flags $(SERVER_PRECOMPILED)
	$(call compile,$(CXXFLAGS) $(WITH_SERVER_PRECOMPILED))

$(OBJS)/added/%.o: /%.cpp $(OBJS)/flags
	$(call compile,$(CXXFLAGS))

$(OBJS)/tests/%.o: tests/%.cpp $(OBJS)/flags $(TEST_PRECOMPILED)
	$(call compile,$(TEST_CXXFLAGS) $(WITH_TEST_PRECOMPILED))

# Without GoogleTest.
$(OBJS)/tests/modules/%.o: tests/modules/%.cpp $(OBJS)/flags
	$(call compile,$(TEST_CXXFLAGS))

$(OBJS)/tests/fuzz/%.o: tests/fuzz/%.cpp $(OBJS)/flags
	$(call compile,$(TEST_CXXFLAGS))

$(OBJS)/server: $(MAIN_OBJECT) $(OBJECTS) $(OBJS)/sources
	$(call link)

# ./server is replaced, never overwritten: a running one keeps its file.
ifneq ($(SERVER),)
$(SERVER): $(OBJS)/server
	@cp -f $< $@.new && mv -f $@.new $@
endif

$(OBJS)/unit_tests: $(UNIT_OBJECTS) $(OBJECTS) $(OBJS)/sources
	$(call link,$(TEST_LIBS))

$(OBJS)/integration_tests: $(INTEGRATION_OBJECTS) $(OBJECTS) $(OBJS)/sources
	$(call link,$(TEST_LIBS))

# Kept, though only a pattern asks for them.
.SECONDARY: $(call object,$(FUZZ_SOURCES))
$(OBJS)/fuzz_%: $(OBJS)/tests/fuzz/%.o $(OBJECTS) $(OBJS)/sources
	$(call link,-fsanitize=fuzzer)

-include $(patsubst %.o,%.d,$(OBJECTS) $(MAIN_OBJECT) $(UNIT_OBJECTS) $(INTEGRATION_OBJECTS) $(BENCH_CLIENT_OBJECTS) $(BURN_OBJECTS) $(ASKS_OBJECTS) \
    $(patsubst tests/fuzz/%.cpp,$(OBJS)/tests/fuzz/%.d,$(FUZZ_SOURCES)))

# ---- tests ---------------------------------------------------------------------------------------------------------

# POLLER=epoll|poll chooses the poller of every server the tests start; TESTS is a gtest filter.
POLLER ?=
TESTS ?= *
TEST_ENV = BERTH_SERVER=$(abspath $(OBJS)/server) BERTH_SOURCE_DIR=$(SOURCE_DIR) \
    $(if $(POLLER),BERTH_TEST_POLLER=$(POLLER)) \
    ASAN_OPTIONS=$${ASAN_OPTIONS:-detect_stack_use_after_return=0} \
    UBSAN_OPTIONS=$${UBSAN_OPTIONS:-print_stacktrace=1}

TEST_PROGRAMS := $(if $(UNIT_SOURCES),$(OBJS)/unit_tests) $(if $(INTEGRATION_SOURCES),$(OBJS)/integration_tests)

.PHONY: test test-long build-tests test-build
build-tests: $(OBJS)/server $(OBJS)/server_asks $(SERVER) $(TEST_PROGRAMS) $(OBJS)/bench/client

# The server and one module more, tests/modules/asks, for tests/integration/accept/asked_test.cpp.
$(OBJS)/asks/modules.cpp: $(OBJS)/modules.cpp
	@mkdir -p $(@D)
	@{ cat $(OBJS)/modules.selected; echo 'asks tests/modules/asks on'; } > $(@D)/modules.selected
	@auto/module_table $(@D)/modules.selected $@

$(OBJS)/asks/modules.o: $(OBJS)/asks/modules.cpp $(OBJS)/flags
	$(call compile,$(CXXFLAGS))

$(OBJS)/server_asks: $(MAIN_OBJECT) $(filter-out $(OBJS)/modules.o,$(OBJECTS)) $(ASKS_OBJECTS) $(OBJS)/sources
	$(call link)

ifneq ($(TEST_NOTE),)
$(TEST_PROGRAMS): no-googletest
.PHONY: no-googletest
no-googletest:
	@echo 'the tests need GoogleTest: $(TEST_NOTE), then ./configure $(CONFIGURE_ARGS)' >&2; exit 1
endif

# All programs run even when one fails; the exit code tells of any.
test: build-tests
	@failed=0; for program in $(TEST_PROGRAMS); do \
	    $(TEST_ENV) $$program --gtest_filter='$(TESTS)' || { failed=1; echo "$$program failed" >&2; }; \
	done; exit $$failed

# The same, and the tests that take their time: hundreds of reloads, thousands of kills, gigabytes, other builds.
test-long: export BERTH_LONG = 1
test-long: test test-build

test-build: build-tests
	@for script in tests/build/*_test.sh; do echo "$$script"; $(TEST_ENV) CXX='$(CXX)' sh $$script || exit 1; done

# ---- fuzzing: a build of its own under $(OBJS)/fuzz, every program for FUZZ_SECONDS ---------------------------------

FUZZ_SECONDS ?= 60
FUZZ_CXX ?= clang++-19

.PHONY: fuzz fuzz-run
fuzz:
	@./configure --builddir=$(OBJS)/fuzz --with-cc=$(FUZZ_CXX) --with-sanitizer=fuzzer-no-link,address,undefined > /dev/null
	@$(MAKE) -f $(OBJS)/fuzz/Makefile fuzz-run FUZZ_SECONDS=$(FUZZ_SECONDS)

# New inputs are kept in $(OBJS)/corpus; tests/fuzz/seeds/NAME holds the first ones, tests/fuzz/NAME.dict the words.
fuzz-run: $(FUZZ_PROGRAMS)
	@set -e; for program in $(FUZZ_PROGRAMS); do \
	    name=$${program##*/fuzz_}; mkdir -p $(OBJS)/corpus/$$name; echo "fuzzing $$name for $(FUZZ_SECONDS) s"; \
	    seeds=; if [ -d tests/fuzz/seeds/$$name ]; then seeds=tests/fuzz/seeds/$$name; fi; \
	    words=; if [ -f tests/fuzz/$$name.dict ]; then words=-dict=tests/fuzz/$$name.dict; fi; \
	    $$program -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 $$words \
	        -artifact_prefix=$(OBJS)/corpus/$$name- $(OBJS)/corpus/$$name $$seeds; \
	done

# ---- measuring, checking, installing -------------------------------------------------------------------------------

# BENCH is what else tests/bench/run is told, for example BENCH='--only herd'. The client asks as fast as it can, also
# when the server is a build for debugging.
BENCH ?=
BENCH_RUN = tests/bench/run --server $(OBJS)/server --objs $(OBJS)/bench $(BENCH)

.PHONY: bench bench-quick bench-programs lint format install uninstall clean distclean help
bench: all bench-programs
	@$(BENCH_RUN)

bench-quick: all bench-programs
	@$(BENCH_RUN) --quick

bench-programs: $(OBJS)/bench/client $(OBJS)/bench/server

$(BENCH_CLIENT_OBJECTS): private OPTIMISE = -O2
$(OBJS)/tests/bench/%.o: tests/bench/%.cpp $(OBJS)/flags
	$(call compile,$(CXXFLAGS))

$(OBJS)/bench/client: $(BENCH_CLIENT_OBJECTS)
	@mkdir -p $(@D)
	$(call link)

# The server and one module more, tests/modules/burn, which stands where --add-module would put it.
$(OBJS)/bench/modules.cpp: $(OBJS)/modules.cpp auto/modules
	@mkdir -p $(@D)
	@awk 'FNR == NR { if (after && NF > 2) { place[$$1] } else if ($$1 == "added") { after = 1 }; next } \
	    $$1 in place && !done { print "burn tests/modules/burn on"; done = 1 } { print }' \
	    auto/modules $(OBJS)/modules.selected > $(@D)/modules.selected
	@auto/module_table $(@D)/modules.selected $@

$(OBJS)/bench/modules.o: $(OBJS)/bench/modules.cpp $(OBJS)/flags
	$(call compile,$(CXXFLAGS))

$(OBJS)/bench/server: $(MAIN_OBJECT) $(filter-out $(OBJS)/modules.o,$(OBJECTS)) $(BURN_OBJECTS) $(OBJS)/sources
	$(call link)

lint: $(OBJS)/modules.cpp
	@OBJS=$(OBJS) auto/lint/run

format:
	@auto/lint/run format

install: $(OBJS)/server
	@SERVER=$(OBJS)/server PREFIX='$(PREFIX)' SBIN_PATH='$(SBIN_PATH)' CONF_PATH='$(CONF_PATH)' PID_PATH='$(PID_PATH)' \
	    ERROR_LOG_PATH='$(ERROR_LOG_PATH)' HTTP_LOG_PATH='$(HTTP_LOG_PATH)' DESTDIR='$(DESTDIR)' auto/install install

uninstall:
	@SERVER=$(OBJS)/server PREFIX='$(PREFIX)' SBIN_PATH='$(SBIN_PATH)' CONF_PATH='$(CONF_PATH)' PID_PATH='$(PID_PATH)' \
	    ERROR_LOG_PATH='$(ERROR_LOG_PATH)' HTTP_LOG_PATH='$(HTTP_LOG_PATH)' DESTDIR='$(DESTDIR)' auto/install uninstall

# What a compiler made; the choices of configure stay.
clean:
	rm -rf $(OBJS)/precompiled $(OBJS)/src $(OBJS)/tests $(OBJS)/added $(OBJS)/fuzz $(OBJS)/bench $(OBJS)/asks \
	    $(OBJS)/server $(OBJS)/server_asks $(OBJS)/unit_tests $(OBJS)/integration_tests $(OBJS)/fuzz_* \
	    $(OBJS)/*.objects $(OBJS)/modules.cpp $(OBJS)/modules.o $(OBJS)/modules.d $(OBJS)/flags $(OBJS)/sources $(SERVER)

distclean:
	rm -rf $(OBJS) $(SERVER) $(MAKEFILE) compile_commands.json

help:
	@echo 'make              the server: $(or $(SERVER),$(OBJS)/server)'
	@echo 'make test         unit and integration tests; POLLER=poll, TESTS=GTEST_FILTER'
	@echo 'make test-long    the same, and the long ones'
	@echo 'make lint         format, clang-tidy, await rule, layers, lengths; make format'
	@echo 'make fuzz         every fuzz program; FUZZ_SECONDS=60'
	@echo 'make bench        the measurements beside nginx; bench-quick for a first impression'
	@echo 'make install      to $(PREFIX); DESTDIR=DIR puts a folder in front'
	@echo 'make uninstall    what install wrote, except configuration and logs'
	@echo 'make compile_commands.json   for editors and clang-tidy'
	@echo 'make clean        what was compiled; distclean also what configure wrote'

.PHONY: compile_commands.json
compile_commands.json:
	@{ echo '['; comma=; for source in src/main.cpp $(SOURCES); do \
	    printf '%s{"directory":"%s","file":"%s","command":"%s"}' "$$comma" '$(SOURCE_DIR)' "$$source" \
	        '$(subst ",\",$(CXX) $(CXXFLAGS)) -c '"$$source"; comma=','; echo; done; \
	    for source in $(UNIT_SOURCES) $(INTEGRATION_SOURCES) $(SUPPORT_SOURCES); do \
	    printf '%s{"directory":"%s","file":"%s","command":"%s"}' "$$comma" '$(SOURCE_DIR)' "$$source" \
	        '$(subst ",\",$(CXX) $(TEST_CXXFLAGS)) -c '"$$source"; comma=','; echo; done; echo ']'; } > $@
