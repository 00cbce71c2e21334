// How many deliveries may run at once to one destination: a window that grows with success and
// shrinks with failure (Postfix's concurrency feedback), until whole cohorts of deliveries fail and
// the destination counts as dead.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais::qmgr {

// "1", "0.5", "1/5", "1/concurrency" or "1/sqrt_concurrency".
class FeedbackRate {
  public:
    enum class Scale { kFixed, kPerConcurrency, kPerSqrtConcurrency };

    FeedbackRate() = default;

    // Anything that gives a number beyond 0 to 1 is an error.
    static Result<FeedbackRate> parse(std::string_view text);

    double at(int window) const;

    Scale scale() const { return scale_; }

  private:
    double value_ = 1;
    Scale scale_ = Scale::kFixed;
};

struct FeedbackRules {
    int initial = 5;       // initial_destination_concurrency
    int limit = 20;        // 0: none
    int cohort_limit = 1;  // failed cohorts until the destination is dead; 0: never
    FeedbackRate positive;
    FeedbackRate negative;
};

class ConcurrencyWindow {
  public:
    // The rules must outlive the window.
    explicit ConcurrencyWindow(const FeedbackRules* rules) : rules_(rules), size_(rules->initial) {}

    int size() const { return size_; }

    // A delivery has reached the destination; `busy` deliveries are under way, with that one.
    void success(int busy);

    // A delivery could not reach it.  True: the destination is dead now, and the window closed.
    bool failure();

    // Starts anew.
    void reset();

    // The feedback that the last of these took into account, if it did.
    std::optional<double> applied() const { return applied_; }

    // "limit 20 window 5 success 0 failure 0 fail_cohorts 0", for the debug log.
    std::string describe() const;

  private:
    const FeedbackRules* rules_;
    int size_;
    double gained_ = 0;
    double lost_ = 0;
    double failed_cohorts_ = 0;
    std::optional<double> applied_;
};

}  // namespace relais::qmgr
