// Running the steps of rewrite programs.
#include "modules/http/rewrite/program.hpp"

#include "core/text/escape.hpp"
#include "event/file_io.hpp"
#include "event/process/worker.hpp"
#include "modules/http/redirect.hpp"
#include "modules/http/rewrite/answer.hpp"

namespace berth::http {

// Where one request stands in a program. A plain value: it may be copied into a coroutine.
class Program::Run {
 public:
    Run(const Program& program, Options options) : program_(&program), options_(options) {}

    // Goes on until the end, an answer, or a test of a file, which is returned.
    const TestStep* advance(Request& request) {
        while (at_ < program_->steps_.size()) {
            const Step& step = program_->steps_[at_];
            if (const auto* test = std::get_if<TestStep>(&step)) {
                if (test->condition.asks_for_file()) return test;
                decide(request, *test, test->condition.holds(request));
            } else if (!take(request, step)) {
                break;
            }
        }
        return nullptr;
    }

    void decide(Request& request, const TestStep& test, bool holds) {
        at_ = holds ? at_ + 1 : test.otherwise;
        if (holds && test.location != nullptr) request.enter_location(*test.location);
    }

    Verdict verdict() const noexcept { return verdict_; }

 private:
    // False: nothing comes after this step.
    bool take(Request& request, const Step& step) {
        ++at_;
        if (const auto* set = std::get_if<SetStep>(&step)) {
            request.assign(set->variable, set->text.eval(request));
            return true;
        }
        if (const auto* rewrite = std::get_if<RewriteStep>(&step)) return take(request, *rewrite);
        if (const auto* answer = std::get_if<ReturnStep>(&step)) {
            verdict_ = return_answer(request, answer->status, answer->text, answer->has_text);
            return false;
        }
        request.keep_location();
        return false;
    }

    bool take(Request& request, const RewriteStep& step);
    bool replace_uri(Request& request, const RewriteStep& step, std::string_view path);
    void log_match(Request& request, const RewriteStep& step, std::string_view uri, bool matched) const;

    const Program* program_;
    Options options_;
    std::size_t at_ = 0;
    Verdict verdict_ = Verdict::next();
};

namespace {

// Captures and variables hold decoded text; what may not stand in a URL is encoded again.
std::string_view location_text(Request& request, std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7f && c != '"') {
            escaped += c;
        } else {
            escape_uri(escaped, {&c, 1}, UriPart::component);
        }
    }
    return escaped.size() == text.size() ? text : request.arena().copy(escaped);
}

// Groups of a URI that was sent with escapes are escaped again, in arguments and in what a client is sent to:
// "&" in a path must not begin another argument, and "%25" must not become the "%" of another escape.
std::string_view eval_escaped(Request& request, const Value& value) {
    const auto captures = request.captures();
    if (!value.uses_captures() || request.request_uri().find_first_of("%+") == std::string_view::npos) {
        return value.eval(request);
    }
    auto escaped = request.arena().array<std::string_view>(captures.size());
    for (std::size_t i = 0; i < captures.size(); ++i) {
        std::string text;
        escape_uri(text, captures[i], UriPart::args);
        escaped[i] = request.arena().copy(text);
    }
    request.set_captures(escaped);
    const std::string_view result = value.eval(request);
    request.set_captures(captures);
    return result;
}

std::string_view new_args(Request& request, const RewriteStep& step) {
    const std::string_view own = step.has_args ? eval_escaped(request, step.args) : std::string_view();
    if (!step.keeps_args || request.args().empty()) return own;
    return own.empty() ? request.args() : join(request.arena(), own, "&", request.args());
}

}  // namespace

void Program::Run::log_match(Request& request, const RewriteStep& step, std::string_view uri,
                             bool matched) const {
    if (!options_.log) return;
    request.log_at(LogLevel::notice, "\"{}\" {} \"{}\"", step.pattern->text(),
                   matched ? "matches" : "does not match", uri);
}

bool Program::Run::take(Request& request, const RewriteStep& step) {
    const std::string_view uri = request.uri();
    const bool matched = step.pattern->match(request, uri);
    log_match(request, step, uri, matched);
    if (!matched) return true;
    if (step.redirect_status == 0) return replace_uri(request, step, step.path.eval(request));
    const std::string_view path = eval_escaped(request, step.path);
    const std::string_view args = new_args(request, step);
    const std::string_view target = args.empty() ? path : join(request.arena(), path, "?", args);
    if (options_.log) request.log_at(LogLevel::notice, "rewritten redirect: \"{}\"", target);
    verdict_ = redirect_to(request, step.redirect_status, location_text(request, target));
    return false;
}

bool Program::Run::replace_uri(Request& request, const RewriteStep& step, std::string_view path) {
    // A step that changes no arguments keeps them: nginx looks at what the replacement says, not at what it
    // came to.
    const std::string_view args = new_args(request, step);
    if (options_.log) {
        request.log_at(LogLevel::notice, "rewritten data: \"{}\", args: \"{}\"", path, args);
    }
    if (path.empty()) {
        request.log_at(LogLevel::error, "the rewritten URI has a zero length");
        verdict_ = Verdict::reply(500);
        return false;
    }
    request.set_args(args);
    request.rewrite_uri(path);
    if (step.after == RewriteStep::After::keep_location) request.keep_location_by_break();
    return step.after == RewriteStep::After::go_on;
}

namespace {

OpenHow only_look() {
    OpenHow how;
    how.flags = O_PATH;
    return how;
}

bool holds_for(const Condition& condition, const Result<OpenedFile>& file) {
    return condition.holds_for(file ? &file->status : nullptr);
}

}  // namespace

// The rest of a program from a test on whose file is not in the kernel's caches.
Async<Verdict> Program::finish(Request& request, ThreadPool& pool, Run run) {
    for (const TestStep* test = run.advance(request); test != nullptr; test = run.advance(request)) {
        const std::string_view path = test->condition.subject.eval(request);
        Result<OpenedFile> file = co_await open_file(request, pool, path, only_look());
        run.decide(request, *test, holds_for(test->condition, file));
    }
    co_return run.verdict();
}

Async<Verdict> Program::run(Request& request, Options options) const {
    Run run(*this, options);
    for (const TestStep* test = run.advance(request); test != nullptr; test = run.advance(request)) {
        ThreadPool& pool = *request.worker().thread_pool();
        Async<Result<OpenedFile>> file =
            open_file(request, pool, test->condition.subject.eval(request), only_look());
        if (!file.immediate()) return finish(request, pool, run);
        run.decide(request, *test, holds_for(test->condition, file.take()));
    }
    return run.verdict();
}

}  // namespace berth::http
