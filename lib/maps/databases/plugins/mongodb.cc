// The client side of mongodb: tables, over MongoDB's C driver.  A statement is the filter of a
// search.
#include <memory>

#include <mongoc/mongoc.h>

#include "lib/maps/databases/sql_client.h"

// bson_t is aligned by an attribute of its name, which templates do not keep; its memory is the
// library's own.
#ifdef __clang__
#pragma clang diagnostic ignored "-Walign-mismatch"
#endif

namespace {

using namespace relais;

template <auto Function>
struct Free {
    template <class T>
    void operator()(T* object) const {
        Function(object);
    }
};

using Uri = std::unique_ptr<mongoc_uri_t, Free<mongoc_uri_destroy>>;
using Client = std::unique_ptr<mongoc_client_t, Free<mongoc_client_destroy>>;
using Collection = std::unique_ptr<mongoc_collection_t, Free<mongoc_collection_destroy>>;
using Cursor = std::unique_ptr<mongoc_cursor_t, Free<mongoc_cursor_destroy>>;
using Bson = std::unique_ptr<bson_t, Free<bson_destroy>>;

// Arrays in arrays are followed no deeper.
constexpr int kMostDepth = 100;

Bson parse_json(const std::string& text, bson_error_t& error) {
    return Bson(::bson_new_from_json(reinterpret_cast<const std::uint8_t*>(text.data()),
                                     static_cast<ssize_t>(text.size()), &error));
}

// The server that was asked is not there, or the connection to it broke.
bool is_lost(const bson_error_t& error) {
    return error.domain == MONGOC_ERROR_STREAM || error.domain == MONGOC_ERROR_SERVER_SELECTION;
}

class MongoConnection : public SqlConnection {
  public:
    MongoConnection(Client client, Collection collection, Bson options,
                    std::function<void(const std::string&)> warn)
        : client_(std::move(client)),
          collection_(std::move(collection)),
          options_(std::move(options)),
          warn_(std::move(warn)) {}

    std::expected<void, std::string> quote(std::string_view text, std::string& out) override;
    std::expected<SqlAnswer, SqlError> query(const std::string& statement) override;

  private:
    void collect(bson_iter_t& at, int depth, SqlValues& values) const;

    Client client_;
    Collection collection_;
    Bson options_;
    std::function<void(const std::string&)> warn_;
};

// RFC 8259 7.
std::expected<void, std::string> MongoConnection::quote(std::string_view text, std::string& out) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (char c : text) {
        auto code = static_cast<unsigned char>(c);
        if (code < 0x20) {
            out += "\\u00";
            out += kDigits[code >> 4];
            out += kDigits[code & 15];
            continue;
        }
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return {};
}

void MongoConnection::collect(bson_iter_t& at, int depth, SqlValues& values) const {
    while (::bson_iter_next(&at)) {
        bson_type_t type = ::bson_iter_type(&at);
        bson_iter_t inner;
        if (type == BSON_TYPE_UTF8) {
            std::uint32_t size = 0;
            const char* text = ::bson_iter_utf8(&at, &size);
            values.emplace_back(std::string(text, size));
        } else if (type == BSON_TYPE_INT32 || type == BSON_TYPE_INT64) {
            values.emplace_back(std::to_string(::bson_iter_as_int64(&at)));
        } else if (type == BSON_TYPE_ARRAY && depth < kMostDepth &&
                   ::bson_iter_recurse(&at, &inner)) {
            collect(inner, depth + 1, values);
        } else {
            warn_(std::string("failed to retrieve value of '") + ::bson_iter_key(&at) +
                  "', Unknown result type " + std::to_string(static_cast<int>(type)) + ".");
        }
    }
}

std::expected<SqlAnswer, SqlError> MongoConnection::query(const std::string& statement) {
    bson_error_t error = {};
    Bson filter = parse_json(statement, error);
    if (!filter) {
        return std::unexpected(SqlError{std::string("query_filter: ") + error.message});
    }
    Cursor cursor(::mongoc_collection_find_with_opts(collection_.get(), filter.get(),
                                                     options_.get(), nullptr));
    SqlAnswer answer;
    const bson_t* document = nullptr;
    while (::mongoc_cursor_next(cursor.get(), &document)) {
        bson_iter_t at;
        if (::bson_iter_init(&at, document)) {
            collect(at, 0, answer.values);
        }
    }
    if (::mongoc_cursor_error(cursor.get(), &error)) {
        return std::unexpected(SqlError{error.message, is_lost(error)});
    }
    return answer;
}

class MongoDriver : public SqlDriver {
  public:
    MongoDriver() {
        ::mongoc_init();
        ::mongoc_log_set_handler(nullptr, nullptr);  // what matters comes back as an error
    }

    OpenedSql connect(const SqlServer& server, const SqlOptions& options) const override;
};

// Which fields are wanted: never the _id that every document has.
std::expected<Bson, std::string> find_options(const SqlOptions& options) {
    bson_error_t error = {};
    Bson fields(::bson_new());
    if (!options.projection.empty()) {
        fields = parse_json(options.projection, error);
        if (!fields) {
            return std::unexpected(std::string("projection: ") + error.message);
        }
    }
    for (const std::string& attribute : options.attributes) {
        ::bson_append_int32(fields.get(), attribute.c_str(), -1, 1);
    }
    if (!::bson_has_field(fields.get(), "_id")) {
        ::bson_append_int32(fields.get(), "_id", -1, 0);
    }
    Bson all(::bson_new());
    ::bson_append_document(all.get(), "projection", -1, fields.get());
    return all;
}

// What the address itself says counts.
void set_time(mongoc_uri_t* uri, const char* name, std::chrono::seconds time) {
    if (!::mongoc_uri_has_option(uri, name)) {
        auto milliseconds = std::chrono::milliseconds(time).count();
        ::mongoc_uri_set_option_as_int32(uri, name, static_cast<std::int32_t>(milliseconds));
    }
}

OpenedSql MongoDriver::connect(const SqlServer& server, const SqlOptions& options) const {
    bson_error_t error = {};
    Uri uri(::mongoc_uri_new_with_error(server.whole.c_str(), &error));
    if (!uri) {
        return std::unexpected(std::string(error.message));
    }
    set_time(uri.get(), MONGOC_URI_CONNECTTIMEOUTMS, options.connect_timeout);
    set_time(uri.get(), MONGOC_URI_SOCKETTIMEOUTMS, options.query_timeout);
    auto wanted = find_options(options);
    if (!wanted) {
        return std::unexpected(wanted.error());
    }
    Client client(::mongoc_client_new_from_uri_with_error(uri.get(), &error));
    if (!client) {
        return std::unexpected(std::string(error.message));
    }
    Collection collection(::mongoc_client_get_collection(client.get(), options.database.c_str(),
                                                         options.collection.c_str()));
    return std::make_unique<MongoConnection>(std::move(client), std::move(collection),
                                             std::move(*wanted), options.warn);
}

}  // namespace

extern "C" {
extern const char relais_plugin[];
const char relais_plugin[] = "relais-sql-3";
const relais::SqlDriver* dict_mongodb_open();

const relais::SqlDriver* dict_mongodb_open() {
    static const MongoDriver driver;
    return &driver;
}
}
