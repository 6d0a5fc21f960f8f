// Program: the rewrite directives of one server{} or location{} as steps, run in the order they were written.
#pragma once

#include <variant>
#include <vector>

#include "event/async/async.hpp"
#include "event/thread_pool.hpp"
#include "modules/http/request.hpp"
#include "modules/http/rewrite/condition.hpp"

namespace berth::http {

// set $x text;
struct SetStep {
    int variable = 0;
    Value text;
};

// rewrite regex replacement [flag];
struct RewriteStep {
    enum class After : std::uint8_t {
        go_on,          // no flag
        look_up,        // last: the location is looked up again
        keep_location,  // break
    };

    std::unique_ptr<Pattern> pattern;
    Value path;
    Value args;  // what stands behind the first ? of the replacement
    bool has_args = false;
    bool keeps_args = true;  // the request's own are appended
    After after = After::go_on;
    int redirect_status = 0;  // 0: the URI is replaced
};

// if (…) { the steps up to `otherwise` }
struct TestStep {
    Condition condition;
    std::size_t otherwise = 0;
    const Location* location = nullptr;  // of an `if` in a location: whose settings hold from here on
};

// return 404; return 200 "text"; return 301 /there;
struct ReturnStep {
    int status = 0;
    Value text;
    bool has_text = false;
};

// break;
struct BreakStep {};

// Filled while its block is read; immutable after that.
class Program {
 public:
    using Step = std::variant<SetStep, RewriteStep, TestStep, ReturnStep, BreakStep>;

    bool empty() const noexcept { return steps_.empty(); }
    std::size_t size() const noexcept { return steps_.size(); }
    void add(Step step) { steps_.push_back(std::move(step)); }
    Step& operator[](std::size_t at) { return steps_[at]; }

    struct Options {
        bool log = false;  // rewrite_log: rewrites are told to the error log
    };

    // Verdict::next() unless a step answers. Makes a coroutine only when a test of a file has to wait for the
    // disk.
    Async<Verdict> run(Request& request, Options options) const;

 private:
    class Run;
    static Async<Verdict> finish(Request& request, ThreadPool& pool, Run run);

    std::vector<Step> steps_;
};

}  // namespace berth::http
