// Canonical, masquerade, virtual alias and bcc tables: other addresses for those in a message.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "lib/config/config.h"
#include "lib/ipc/rewriter.h"
#include "lib/maps/table_set.h"
#include "lib/rules/address_lookup.h"
#include "lib/rules/local_domains.h"

#include "cleanup/message.h"

namespace relais::cleanup {

// Where an address stands, as *_classes name it.
enum AddressClass : unsigned {
    kClassEnvelopeSender = 1,
    kClassEnvelopeRecipient = 2,
    kClassHeaderSender = 4,
    kClassHeaderRecipient = 8,
};

class Mapping {
  public:
    // Opens the tables.
    Mapping(const Config& config, Rewriter& rewriter);
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    // True where addresses of this class may become others.
    bool changes(AddressClass where) const;

    // canonical and masquerade: from internal form to internal form.  What fails ends up in
    // message.status.
    [[nodiscard]] Task<std::string> canonical(Message& message, AddressClass where,
                                              std::string address);

    // virtual_alias_maps: what the address stands for, at least itself.
    [[nodiscard]] Task<std::vector<std::string>> expand(Message& message, std::string address);

    // sender_bcc_maps and recipient_bcc_maps: one address in internal form as it stands in the
    // table, or "".
    [[nodiscard]] Task<std::string> bcc_of_sender(Message& message, std::string address);
    [[nodiscard]] Task<std::string> bcc_of_recipient(Message& message, std::string address);

  private:
    // One parameter with tables.
    struct AddressTable {
        AddressTable(std::string title, std::string_view list, const LocalDomains* local)
            : tables(std::move(title), list), lookup(&tables, local) {}

        TableSet tables;
        AddressLookup lookup;
    };

    struct Canonical : AddressTable {
        using AddressTable::AddressTable;
        unsigned classes = 0;
    };

    enum class Extension { kDrop, kPropagate };
    enum class Outcome { kFound, kNotFound, kFailed };

    struct Answer {
        Outcome outcome = Outcome::kNotFound;
        std::vector<std::string> addresses;
    };

    // The expansion of one address, while it goes on.
    struct Expansion {
        std::string address;
        std::vector<std::string> result;
        std::unordered_set<std::string> itself;  // addresses that expand to themselves: once
    };

    [[nodiscard]] Task<bool> expand_entry(Message& message, Expansion& all, std::size_t i);
    bool lengths_are_sane(Message& message, const std::vector<std::string>& found) const;
    [[nodiscard]] static Task<AddressMatch> find(const AddressTable& table, std::string address);
    void fail_lookup(Message& message, const AddressTable& table, std::string_view of) const;
    [[nodiscard]] Task<Answer> look_up(Message& message, const AddressTable& table,
                                       std::string address, Extension extension);
    [[nodiscard]] Task<Answer> complete(Message& message, const AddressMatch& match,
                                        std::string address, Extension extension);
    [[nodiscard]] Task<std::string> map_once_and_again(Message& message, const Canonical& table,
                                                       std::string address);
    [[nodiscard]] Task<std::string> bcc_of(Message& message, const AddressTable& table,
                                           std::string address);
    std::string masquerade(std::string address) const;
    static unsigned parse_classes(std::string_view title, std::string_view names);

    const Config& config_;
    Rewriter& rewriter_;
    LocalDomains local_domains_;
    Canonical sender_canonical_;
    Canonical recipient_canonical_;
    Canonical canonical_;
    AddressTable virtual_alias_;
    AddressTable sender_bcc_;
    AddressTable recipient_bcc_;
    Extension canonical_extension_;
    Extension virtual_extension_;
    std::vector<std::string> masquerade_domains_;  // lower case; "!": kept as it is
    std::vector<std::string> masquerade_exceptions_;
    unsigned masquerade_classes_ = 0;
};

}  // namespace relais::cleanup
