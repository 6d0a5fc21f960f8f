// Loading a configuration up to the point where workers can be started with it.
#include "event/process/generation.hpp"

#include "core/log/error_log_module.hpp"
#include "event/process/runtime_files.hpp"

namespace berth {

namespace {

std::string log_line(const Diagnostic& finding) {
    std::string line = finding.message;
    if (!finding.hint.empty()) line += " (" + finding.hint + ")";
    if (finding.at.source != nullptr) {
        line += " in " + finding.at.source->path + ":" + std::to_string(finding.at.line);
    }
    return line;
}

// One that cannot be used is returned as well, since what is found wrong with it points into it; null when
// there is none.
std::unique_ptr<Generation> load(CycleOptions options, Diagnostics& diagnostics) {
    auto generation = std::make_unique<Generation>();
    generation->cycle = Cycle::load(std::move(options), diagnostics);
    if (generation->cycle == nullptr) return nullptr;
    generation->log = std::make_unique<Log>();
    Cycle& cycle = *generation->cycle;
    if (Result<void> opened = open_error_log(cycle, *generation->log); !opened) {
        diagnostics.error({}, opened.error().message);
    }
    cycle.use_log(*generation->log);
    cycle.own<RuntimeFiles>().open(cycle, diagnostics);
    return generation;
}

LoadReport report_of(const Diagnostics& diagnostics, const std::string& file) {
    LoadReport report;
    for (const Diagnostic& finding : diagnostics.all()) report.lines.push_back(log_line(finding));
    if (!report.lines.empty()) report.text = diagnostics.report(file);
    report.failed = diagnostics.failed();
    return report;
}

}  // namespace

void Generation::abandon() noexcept {
    log->abandon();
    for (auto& file : cycle->own<RuntimeFiles>().logs) file.fd.reset();
}

LoadReport check_configuration(CycleOptions options) {
    const std::string file = Cycle(options).conf_file();
    Diagnostics diagnostics;
    const std::unique_ptr<Cycle> cycle = Cycle::load(std::move(options), diagnostics);
    return report_of(diagnostics, file);
}

std::unique_ptr<Generation> load_generation(CycleOptions options, LoadReport& report) {
    const std::string file = Cycle(options).conf_file();
    Diagnostics diagnostics;
    std::unique_ptr<Generation> generation = load(std::move(options), diagnostics);
    report = report_of(diagnostics, file);
    if (diagnostics.failed()) generation.reset();
    report.failed = generation == nullptr;
    return generation;
}

}  // namespace berth
