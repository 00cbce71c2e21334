// milter_header_checks: what tables say about headers that filters add or change.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/milter/verdict.h"
#include "lib/rules/content_checks.h"

#include "cleanup/message.h"
#include "cleanup/service.h"

namespace relais::cleanup {

class MilterChecks {
  public:
    // `client` is its name and address, for the log.
    MilterChecks(Service& service, Message& message, std::string client)
        : service_(service), message_(message), client_(std::move(client)) {}

    // The header as it is to be; nothing where it is left out.
    [[nodiscard]] Task<std::optional<std::string>> check(std::string header);

    // The message is refused, or thrown away: nothing else need be changed in it.
    const milter::Verdict& verdict() const { return verdict_; }

    const ChecksAsk& asked() const { return asked_; }

  private:
    std::optional<std::string> apply(std::string header, CheckAction action);
    void decide(const CheckAction& action);
    void log(std::string_view header, const CheckAction& action) const;

    Service& service_;
    Message& message_;
    std::string client_;
    milter::Verdict verdict_;
    ChecksAsk asked_;
};

}  // namespace relais::cleanup
