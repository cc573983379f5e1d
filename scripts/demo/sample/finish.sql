-- What comes after the rows: constraints, views, triggers, rights.

alter table catalog.product add constraint product_category
  foreign key (category_id) references catalog.category on update cascade;
alter table catalog.product_image add constraint image_product
  foreign key (product_id) references catalog.product on delete cascade;
alter table catalog.manual add foreign key (product_id) references catalog.product;
alter table sales.address add foreign key (customer_id) references sales.customer on delete cascade;
alter table sales.orders add constraint orders_customer
  foreign key (customer_id) references sales.customer deferrable;
alter table sales.order_item add constraint item_product
  foreign key (product_id) references catalog.product;
alter table inventory.movement add constraint movement_warehouse
  foreign key (warehouse) references inventory.warehouse not valid;
alter table sales.customer add constraint customer_email_unique unique using index customer_email;
alter table sales.payment cluster on payment_pkey;
create statistics sales.country_and_city (dependencies, ndistinct) on country, city from sales.address;

-- Views ------------------------------------------------------------------------------------------

create view sales.open_order with (security_barrier) as
  select o.order_id, o.placed_at, c.full_name, o.total
  from sales.orders o join sales.customer c using (customer_id)
  where o.status in ('new', 'paid');
create view sales.german_customer as
  select customer_id, email, first_name, last_name, country, signed_up_at
  from sales.customer where country = 'DE' with local check option;
create view audit.everything as select tableoid::regclass as origin, * from audit.event;
create materialized view sales.revenue_by_month as
  select date_trunc('month', placed_at at time zone 'UTC') as month, region, count(*) as orders, sum(total) as revenue
  from sales.orders group by 1, 2;
create unique index on sales.revenue_by_month (month, region);
create materialized view sales.best_month as
  select region, max(revenue) as revenue from sales.revenue_by_month group by region;
create materialized view sales.never_filled as select 1 as one with no data;
create view "Weird Schema"."View of ""select""" as select "from", "na""me" as "üñ" from "Weird Schema"."select";
comment on materialized view sales.revenue_by_month is 'Refreshed at night.';

-- Functions, triggers, rules ---------------------------------------------------------------------

create function audit.note_change() returns trigger language plpgsql as $$
begin
  -- A semicolon in a comment; and $tags$ inside.
  insert into audit.event (happened_at, what, payload)
  values (now(), tg_table_schema || '.' || tg_table_name || ' ' || tg_op, to_jsonb(new));
  return null;
end
$$;
create trigger product_change after insert or update of price on catalog.product
  for each row when (new.price > 100) execute function audit.note_change();
create trigger orders_change after update on sales.orders
  for each row execute function audit.note_change();
create function sales.refuse_truncate() returns trigger language plpgsql
  as $$ begin raise exception 'no truncate here'; end $$;
create trigger never_truncate before truncate on sales.payment
  for each statement execute function sales.refuse_truncate();
create trigger disabled_trigger after delete on sales.address
  for each row execute function audit.note_change();
alter table sales.address disable trigger disabled_trigger;
create rule log_only as on delete to inventory.booking do also notify booking_deleted;
create rule no_insert as on insert to sales.open_order do instead nothing;

create function sales.total_of(customer bigint, since timestamptz default '-infinity')
returns numeric language sql stable security definer set search_path = sales, pg_temp
as $$ select coalesce(sum(total), 0) from sales.orders where customer_id = customer and placed_at > since $$;
create procedure sales.close_old_orders(days integer) language plpgsql as $$
begin
  update sales.orders set status = 'delivered' where placed_at < now() - make_interval(days => days);
end
$$;
create function sales.keep_greater(a numeric, b numeric) returns numeric
  language sql immutable as $$ select greatest(a, b) $$;
create aggregate sales.greatest_of (numeric) (sfunc = sales.keep_greater, stype = numeric);
create operator sales.=== (leftarg = numeric, rightarg = numeric, function = pg_catalog.numeric_eq);
comment on function sales.total_of(bigint, timestamptz) is 'What a customer spent.';

-- Rights -----------------------------------------------------------------------------------------

alter table sales.customer enable row level security;
create policy by_country on sales.customer for select to shop_reader using (country = 'DE');
create policy everything on sales.customer to shop_app using (true) with check (country <> 'XX');
grant usage on schema catalog, sales, inventory to shop_reader, shop_app;
grant select on all tables in schema catalog to shop_reader;
grant select (customer_id, country), update (note) on sales.customer to shop_reader;
grant select, insert, update on sales.orders, sales.order_item, sales.customer to shop_app with grant option;
grant usage on sequence sales.invoice_number to shop_app;
revoke execute on function sales.total_of(bigint, timestamptz) from public;
grant execute on function sales.total_of(bigint, timestamptz) to shop_app;
alter default privileges in schema sales grant select on tables to shop_reader;
alter schema inventory owner to shop_owner;
alter table inventory.warehouse owner to shop_owner;
alter table inventory.movement owner to shop_owner;
alter function catalog.slug(text) owner to shop_owner;

create publication shop_changes for table sales.customer, catalog.product with (publish = 'insert, update');
