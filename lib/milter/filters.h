// All filters of a session: each event goes to one after the other, with its macros, until one of
// them decides.  smtpd tells them of a connection and an envelope; cleanup of the content, and of
// mail that came another way.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/milter/filter.h"

namespace relais::milter {

// The values of macros, as they are when an event happens.
class MacroSource {
  public:
    virtual ~MacroSource() = default;

    // `name` in braces: "{i}", "{mail_addr}".  Nothing where it is not known now.
    [[nodiscard]] virtual Task<std::optional<std::string>> macro(std::string name) = 0;
};

class Filters {
  public:
    // `macros` must outlive the filters; so must the settings.
    Filters(const std::vector<FilterSettings>& filters, const MacroSettings* settings,
            MacroSource* macros);
    // Those that another process began.
    Filters(std::vector<std::unique_ptr<Filter>> filters, MacroSettings settings,
            MacroSource* macros);
    Filters(const Filters&) = delete;
    Filters& operator=(const Filters&) = delete;

    bool empty() const { return filters_.empty(); }

    const MacroSettings& settings() const { return *settings_; }

    const std::vector<std::unique_ptr<Filter>>& list() const { return filters_; }

    // The first two connect.  `words` are the address and what follows it.
    [[nodiscard]] Task<Verdict> connect(Client client);
    [[nodiscard]] Task<Verdict> helo(std::string name);
    [[nodiscard]] Task<Verdict> mail(std::vector<std::string> words);
    [[nodiscard]] Task<Verdict> rcpt(std::vector<std::string> words);
    // A recipient that was refused already: for those who want to know.
    [[nodiscard]] Task<void> rejected_rcpt(std::vector<std::string> words);
    [[nodiscard]] Task<Verdict> data();
    [[nodiscard]] Task<Verdict> unknown(std::string command);
    [[nodiscard]] Task<Verdict> message(Content* content, Editor* editor);

    // What holds for a command that filters are not told of.
    Verdict standing() const;

    void abort();
    [[nodiscard]] Task<void> flush();
    [[nodiscard]] Task<void> quit();

  private:
    // The macros of one event, looked up when the first filter wants them.
    struct StageMacros {
        explicit StageMacros(Stage which) : stage(which) {}

        Stage stage;
        std::optional<MacroValues> common;
    };

    [[nodiscard]] Task<MacroValues> values(const Filter* filter, StageMacros* macros);
    [[nodiscard]] Task<MacroValues> look_up(std::string names);
    // One filter, with the macros that it wants.
    [[nodiscard]] Task<Verdict> tell(Filter* filter, Event event, StageMacros* macros,
                                     std::string data);
    [[nodiscard]] Task<Verdict> tell_all(Event event, Stage stage, std::string data);

    std::vector<std::unique_ptr<Filter>> filters_;
    MacroSettings own_settings_;
    const MacroSettings* settings_;
    MacroSource* source_;
};

}  // namespace relais::milter
