//! `#[plain_fields]`: writes JSON from the same methods that define an object's fields.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Attribute, FnArg, ImplItem, ImplItemFn, ItemImpl, LitStr, parse_macro_input};

/// Implements `PlainFields` for an object. Write it above `#[Object]`.
///
/// A field is plain if its method has no `await` and no arguments. async-graphql resolves all other fields, and the
/// lists in which one is selected.
#[proc_macro_attribute]
pub fn plain_fields(_: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let object = parse_macro_input!(item as ItemImpl);
    let arms = object.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) => arm(method),
        _ => None,
    });
    let (generics, _, condition) = object.generics.split_for_impl();
    let object_type = &object.self_ty;
    let implementation = quote! {
        impl #generics crate::graphql::row::PlainFields for #object_type #condition {
            fn write_field(
                &self,
                field: &crate::graphql::row::PlannedField<'_>,
                output: &mut crate::graphql::row::Output<'_>,
            ) -> ::std::option::Option<()> {
                match field.name() {
                    #(#arms)*
                    _ => ::std::option::Option::None,
                }
            }
        }
    };
    quote!(#object #implementation).into()
}

/// The match arm that writes a field. `None` if the field is not plain.
fn arm(method: &ImplItemFn) -> Option<TokenStream> {
    if waits(method) || method.sig.inputs.iter().skip(1).any(|argument| !is_context(argument)) {
        return None;
    }
    let name = LitStr::new(&name(method)?, Span::call_site());
    let method_name = &method.sig.ident;
    // `#[Object]` gives every method a context.
    let mut value = quote!(self.#method_name(output.context()));
    if method.sig.asyncness.is_some() {
        value = quote!(::futures_util::FutureExt::now_or_never(#value)?);
    }
    Some(quote! {
        #name => crate::graphql::row::WriteJson::write(&#value, field, output),
    })
}

fn waits(method: &ImplItemFn) -> bool {
    let body = method.block.to_token_stream().to_string();
    body.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .any(|word| word == "await")
}

fn is_context(argument: &FnArg) -> bool {
    matches!(argument, FnArg::Typed(argument) if quote!(#argument).to_string().starts_with("ctx :"))
}

/// The field's name in the schema. `None` if an attribute needs async-graphql, for example a guard.
fn name(method: &ImplItemFn) -> Option<String> {
    let mut name = camel_case(&method.sig.ident.to_string());
    for attribute in method
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("graphql"))
    {
        name = renamed(attribute)?;
    }
    Some(name)
}

fn renamed(attribute: &Attribute) -> Option<String> {
    let mut name = None;
    let only_renames = attribute.parse_nested_meta(|meta| {
        if !meta.path.is_ident("name") {
            return Err(meta.error("only async-graphql supports this"));
        }
        name = Some(meta.value()?.parse::<LitStr>()?.value());
        Ok(())
    });
    only_renames.ok().and(name)
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}
