// The status as Prometheus and OpenMetrics read it: all samples of a metric together, labels escaped.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/metrics/status_writer.hpp"
#include "core/metrics/time_buckets.hpp"
#include "core/text/escape.hpp"
#include "core/text/json_writer.hpp"

namespace berth {

namespace {

constexpr std::string_view kTotal = "_total";

std::string_view to_text(MetricKind kind) {
    switch (kind) {
        case MetricKind::counter: return "counter";
        case MetricKind::gauge: return "gauge";
        case MetricKind::histogram: return "histogram";
    }
    return {};
}

// For the value of a label. The format is UTF-8 throughout, which paths and names need not be.
void escape(std::string& out, std::string_view text) {
    std::string clean;
    replace_invalid_utf8(clean, text);
    for (const char c : clean) {
        switch (c) {
            case '\\': out += "\\\\"; break;
            case '"': out += "\\\""; break;
            case '\n': out += "\\n"; break;
            default: out += c;
        }
    }
}

class Prometheus final : public StatusWriter {
 public:
    Prometheus(std::string& out, MetricsFormat format)
        : out_(out), open_metrics_(format == MetricsFormat::openmetrics) {}

    void label(std::string_view name, std::string_view value) override {
        labels_.push_back({std::string(name), std::string(value)});
    }

    void label(std::string_view name, std::uint64_t value) override { label(name, fmt::to_string(value)); }

    void text(std::string_view, std::string_view) override {}
    void flag(std::string_view, bool) override {}

    void value_by(std::string_view label_name, std::string_view key, const Metric& metric,
                  std::uint64_t value) override {
        label(label_name, key);
        sample(metric, {}, fmt::to_string(value));
        labels_.pop_back();
    }

    void times(std::string_view, const Metric& metric, const HistogramSum& times) override {
        for (const TimeBound& bound : kTimeBounds) {
            bucket(metric, bound.seconds, times.count_to(bound.microseconds));
        }
        bucket(metric, "+Inf", times.count());
        sample(metric, "_sum", number_text(static_cast<double>(times.sum()) / 1e6));
        sample(metric, "_count", fmt::to_string(times.count()));
    }

    void finish() override {
        for (const Family& family : families_) {
            std::string_view name = family.metric.name;
            const bool counter = family.metric.kind == MetricKind::counter;
            if (open_metrics_ && counter && name.ends_with(kTotal)) name.remove_suffix(kTotal.size());
            out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, family.metric.help, name,
                                to_text(family.metric.kind));
            out_ += family.samples;
        }
        if (open_metrics_) out_ += "# EOF\n";
    }

 protected:
    void begin_object(std::string_view) override { marks_.push_back(labels_.size()); }
    void begin_list(std::string_view) override { marks_.push_back(labels_.size()); }
    void end() override {
        labels_.resize(marks_.back());
        marks_.pop_back();
    }
    void whole(std::string_view, const Metric* metric, std::uint64_t value) override {
        if (metric != nullptr) sample(*metric, {}, fmt::to_string(value));
    }
    void real(std::string_view, const Metric* metric, double value) override {
        if (metric != nullptr) sample(*metric, {}, number_text(value));
    }

 private:
    struct Label {
        std::string name;
        std::string value;
    };
    struct Family {
        Metric metric;
        std::string samples;
    };

    void bucket(const Metric& metric, std::string_view bound, std::uint64_t count) {
        label("le", bound);
        sample(metric, "_bucket", fmt::to_string(count));
        labels_.pop_back();
    }

    // Few enough to be searched, and the last one is asked for again most often.
    Family& family_of(const Metric& metric) {
        auto found = std::find_if(families_.rbegin(), families_.rend(),
                                  [&](const Family& known) { return known.metric.name == metric.name; });
        if (found != families_.rend()) return *found;
        families_.push_back({metric, {}});
        return families_.back();
    }

    bool hidden(std::size_t index) const {
        return std::any_of(labels_.begin() + static_cast<std::ptrdiff_t>(index) + 1, labels_.end(),
                           [&](const Label& later) { return later.name == labels_[index].name; });
    }

    void sample(const Metric& metric, std::string_view suffix, std::string_view value) {
        std::string& out = family_of(metric).samples;
        out.append(metric.name).append(suffix);
        char before = '{';
        for (std::size_t i = 0; i < labels_.size(); ++i) {
            if (hidden(i)) continue;
            out += before;
            out.append(labels_[i].name).append("=\"");
            escape(out, labels_[i].value);
            out += '"';
            before = ',';
        }
        if (before == ',') out += '}';
        out += ' ';
        out.append(value) += '\n';
    }

    std::string& out_;
    bool open_metrics_;
    std::vector<Label> labels_;
    std::vector<std::size_t> marks_;  // how many labels there were before what is open
    std::vector<Family> families_;
};

}  // namespace

std::unique_ptr<StatusWriter> make_metrics(std::string& out, MetricsFormat format) {
    return std::make_unique<Prometheus>(out, format);
}

}  // namespace berth
