// StatusWriter: what a module says about its state, written once for people (JSON) and for Prometheus.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/metrics/histogram.hpp"

namespace berth {

enum class MetricKind : std::uint8_t { counter, gauge, histogram };

// A family of Prometheus' (https://prometheus.io/docs/concepts/data_model/), one constant each. Names begin
// with berth_, say their unit (seconds, bytes), and those of counters end in _total. They stay: people have
// dashboards.
struct Metric {
    std::string_view name;
    MetricKind kind;
    std::string_view help;  // a sentence, without quotes, backslashes and line ends
};

// A tree of objects and lists; values that carry a Metric are Prometheus' samples, too. There the tree is
// only seen in the labels: those of all objects around a value.
//
//     auto peers = out.list("peers");
//     for (const Peer& peer : all) {
//         auto one = out.object();
//         out.label("peer", peer.address);      // in JSON a member, in Prometheus a label
//         out.text("state", peer.state);        // only in JSON
//         out.value("active", kActive, peer.active);
//     }
//
// The labels of one metric's samples must tell them apart.
class StatusWriter {
 public:
    // An object or a list that ends with its life.
    class Part {
     public:
        explicit Part(StatusWriter& out) noexcept : out_(&out) {}
        Part(Part&& other) noexcept : out_(std::exchange(other.out_, nullptr)) {}
        Part& operator=(Part&&) = delete;
        ~Part() {
            if (out_ != nullptr) out_->end();
        }

     private:
        StatusWriter* out_;
    };

    virtual ~StatusWriter() = default;

    // In an object with a key, in a list without.
    [[nodiscard]] Part object(std::string_view key = {}) { return begin_object(key), Part(*this); }
    [[nodiscard]] Part list(std::string_view key) { return begin_list(key), Part(*this); }

    // Holds for the values of this object that come after it, and in what stands in it. A name that an object
    // around it has, too, is hidden.
    virtual void label(std::string_view name, std::string_view value) = 0;
    virtual void label(std::string_view name, std::uint64_t value) = 0;

    // Only in JSON.
    virtual void text(std::string_view key, std::string_view value) = 0;
    template <std::unsigned_integral T>
    void number(std::string_view key, T value) {
        whole(key, nullptr, value);
    }
    void number(std::string_view key, double value) { real(key, nullptr, value); }
    virtual void flag(std::string_view key, bool value) = 0;

    template <std::unsigned_integral T>
    void value(std::string_view key, const Metric& metric, T value) {
        whole(key, &metric, value);
    }
    void value(std::string_view key, const Metric& metric, double value) { real(key, &metric, value); }
    // One of several numbers of one metric: the key is the value of this label: {"2xx": 7} and {class="2xx"}.
    virtual void value_by(std::string_view label, std::string_view key, const Metric& metric,
                          std::uint64_t value) = 0;
    // A histogram of microseconds; it is shown in seconds.
    virtual void times(std::string_view key, const Metric& metric, const HistogramSum& times) = 0;

    // After everything: completes the text.
    virtual void finish() = 0;

 protected:
    virtual void begin_object(std::string_view key) = 0;
    virtual void begin_list(std::string_view key) = 0;
    virtual void end() = 0;
    virtual void whole(std::string_view key, const Metric* metric, std::uint64_t value) = 0;
    virtual void real(std::string_view key, const Metric* metric, double value) = 0;
};

// Both append to `out`, which must outlive them. Both begin inside the outermost object.
std::unique_ptr<StatusWriter> make_json_status(std::string& out, unsigned indent = 0);

// Prometheus: the text format 0.0.4. OpenMetrics: application/openmetrics-text 1.0.0
// (https://prometheus.io/docs/specs/om/open_metrics_spec/).
enum class MetricsFormat : std::uint8_t { prometheus, openmetrics };
std::unique_ptr<StatusWriter> make_metrics(std::string& out, MetricsFormat format);

}  // namespace berth
