#include "qmgr/feedback.h"

#include <charconv>
#include <cmath>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais::qmgr {

// Sums of fractions like three times 1/3 must count as whole.
static constexpr double kRounding = 1.0 / 1000;

Result<FeedbackRate> FeedbackRate::parse(std::string_view text) {
    FeedbackRate out;
    std::string_view number = text;
    if (auto parts = split_first(text, '/')) {
        number = trim(parts->first);
        std::string_view scale = trim(parts->second);
        if (iequals(scale, "concurrency")) {
            out.scale_ = Scale::kPerConcurrency;
        } else if (iequals(scale, "sqrt_concurrency")) {
            out.scale_ = Scale::kPerSqrtConcurrency;
        } else {
            return fail(Errc::kSyntax, format("bad feedback scale: {}", text));
        }
    }
    number = trim(number);
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out.value_);
    if (error != std::errc() || end != number.data() + number.size() || out.value_ < 0 ||
        out.value_ > 1) {
        return fail(Errc::kSyntax, format("feedback must be a number from 0 to 1: {}", text));
    }
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
    size_ = rules_.initial;
    gained_ = lost_ = failed_cohorts_ = 0;
}

void ConcurrencyWindow::success(int busy) {
    failed_cohorts_ = 0;
    bool may_grow = rules_.limit == 0 || size_ < rules_.limit;
    // A window that is not used does not grow.
    if (!may_grow || size_ >= busy + rules_.initial) {
        return;
    }
    gained_ += rules_.positive.at(size_);
    while (gained_ + kRounding >= 1) {
        ++size_;
        gained_ -= 1;
        lost_ = 0;
    }
    if (rules_.limit > 0 && size_ > rules_.limit) {
        size_ = rules_.limit;
    }
}

bool ConcurrencyWindow::failure() {
    failed_cohorts_ += 1.0 / size_;
    if (rules_.cohort_limit > 0 && failed_cohorts_ + kRounding >= rules_.cohort_limit) {
        return true;
    }
    lost_ -= rules_.negative.at(size_);
    while (lost_ - kRounding < -1) {
        --size_;
        lost_ += 1;
        gained_ = 0;
    }
    if (size_ < 1) {
        size_ = 1;
    }
    return false;
}

}  // namespace relais::qmgr
