#include "lib/maps/databases/client_table.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

ClientTable::ClientTable(const OpenRequest& request, MayWait may_wait)
    : Table(request.type, request.name, request.flags | table_flag::kFixed),
      may_wait_(may_wait),
      templates_(request.name, reference()) {
}

Result<void> ClientTable::read_common(ClientSettings& settings, std::string_view format,
                                      int limit) {
    std::string domains = settings.text("domain");
    result_format_ = settings.text("result_format", format, ClientSettings::Need::kRequired);
    expansion_limit_ = settings.number("expansion_limit", limit);
    if (auto read = settings.failure(); !read) {
        return read;
    }
    has_domains_ = !domains.empty();
    domains_ = MatchList(settings.name(), domains, MatchList::Kind::kString);
    auto known = templates_.inspect(result_format_, KeyTemplates::Use::kResult);
    return known ? Result<void>() : fail_with(known);
}

std::optional<Lookup> ClientTable::refuse_key(std::string_view key) const {
    if ((flags() & table_flag::kUtf8Active) == 0 && !is_utf8(key)) {
        return Lookup::not_found();
    }
    if (!has_domains_) {
        return std::nullopt;
    }
    auto parts = split_last(key, '@');
    if (!parts || parts->second.empty()) {
        return Lookup::not_found();
    }
    switch (domains_.matches(parts->second)) {
        case Match::kYes:
            return std::nullopt;
        case Match::kNo:
            return Lookup::not_found();
        case Match::kError:
            break;
    }
    log_warning("{} 'domain' pattern match failed for '{}'", reference(), printable(key));
    return Lookup::retry("the list of domains cannot be searched");
}

Task<Lookup> ClientTable::lookup_key(std::string key) {
    if (!workers_) {
        TableWorkers::Job job;
        job.start = [this] { abandon_connections(); };
        job.ask = [this](std::string_view asked) { return ask(asked); };
        workers_ = std::make_unique<TableWorkers>(reference(), std::move(job));
    }
    Lookup answer = co_await workers_->lookup(std::move(key));
    co_return answer;
}

}  // namespace relais
