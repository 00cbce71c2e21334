// The answer of a lookup table.  "Could not ask" is never "not there": callers must look at all
// three cases.
#pragma once

#include <string>
#include <utility>

namespace relais {

class [[nodiscard]] Lookup {
  public:
    enum class State {
        kNotFound,
        kFound,
        kRetry,   // the table cannot answer now; reason() says why
        kConfig,  // the table or its data is unusable until someone mends it
    };

    static Lookup found(std::string value) { return {State::kFound, std::move(value)}; }

    static Lookup not_found() { return {State::kNotFound, {}}; }

    static Lookup retry(std::string reason) { return {State::kRetry, std::move(reason)}; }

    static Lookup config_error(std::string reason) { return {State::kConfig, std::move(reason)}; }

    State state() const { return state_; }

    bool is_found() const { return state_ == State::kFound; }

    bool is_missing() const { return state_ == State::kNotFound; }

    // A temporary failure: the mail in question must wait.
    bool is_error() const { return state_ == State::kRetry || state_ == State::kConfig; }

    const std::string& value() const& { return text_; }

    std::string value() && { return std::move(text_); }

    const std::string& reason() const { return text_; }

  private:
    Lookup(State state, std::string text) : state_(state), text_(std::move(text)) {}

    State state_;
    std::string text_;
};

}  // namespace relais
