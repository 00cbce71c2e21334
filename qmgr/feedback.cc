#include "qmgr/feedback.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais::qmgr {

namespace {

std::optional<double> number_of(std::string_view text) {
    text = trim(text);
    double value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

}  // namespace

Result<FeedbackRate> FeedbackRate::parse(std::string_view text) {
    FeedbackRate out;
    auto parts = split_first(text, '/');
    auto value = number_of(parts ? parts->first : text);
    if (parts) {
        std::string_view divisor = trim(parts->second);
        if (iequals(divisor, "concurrency")) {
            out.scale_ = Scale::kPerConcurrency;
        } else if (iequals(divisor, "sqrt_concurrency")) {
            out.scale_ = Scale::kPerSqrtConcurrency;
        } else if (auto number = number_of(divisor); number && *number > 0 && value) {
            value = *value / *number;
        } else {
            value.reset();
        }
    }
    if (!value || *value < 0 || *value > 1) {
        return fail(Errc::kSyntax, format("malformed or unreasonable feedback: {}", text));
    }
    out.value_ = *value;
    return out;
}

double FeedbackRate::at(int window) const {
    switch (scale_) {
        case Scale::kFixed:
            return value_;
        case Scale::kPerConcurrency:
            return value_ / window;
        case Scale::kPerSqrtConcurrency:
            return value_ / std::sqrt(window);
    }
    return value_;
}

void ConcurrencyWindow::reset() {
    size_ = rules_->initial;
    gained_ = lost_ = failed_cohorts_ = 0;
}

// A step is taken when the sum of the feedback is nearer to it than half of one more: sums like
// three times 1/3 count as whole.
void ConcurrencyWindow::success(int busy) {
    applied_.reset();
    failed_cohorts_ = 0;
    bool may_grow = rules_->limit == 0 || size_ < rules_->limit;
    // A window that is not used does not grow.
    if (!may_grow || size_ >= busy + rules_->initial) {
        return;
    }
    double feedback = rules_->positive.at(size_);
    applied_ = feedback;
    gained_ += feedback;
    while (gained_ + feedback / 2 >= 1) {
        ++size_;
        gained_ -= 1;
        lost_ = 0;
    }
    if (rules_->limit > 0) {
        size_ = std::min(size_, rules_->limit);
    }
}

// The first failure closes the window by one, those that follow when their feedback adds up.
bool ConcurrencyWindow::failure() {
    applied_.reset();
    if (size_ < 1) {
        return true;
    }
    failed_cohorts_ += 1.0 / size_;
    if (rules_->cohort_limit > 0 && failed_cohorts_ >= rules_->cohort_limit) {
        size_ = 0;
        return true;
    }
    double feedback = rules_->negative.at(size_);
    applied_ = feedback;
    lost_ -= feedback;
    while (lost_ - feedback / 2 < 0) {
        --size_;
        lost_ += 1;
        gained_ = 0;
    }
    size_ = std::max(size_, 1);
    return false;
}

std::string ConcurrencyWindow::describe() const {
    return format("limit {} window {} success {:g} failure {:g} fail_cohorts {:g}", rules_->limit,
                  size_, gained_, lost_, failed_cohorts_);
}

}  // namespace relais::qmgr
